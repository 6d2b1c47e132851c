"""The operators that a SavedModel of a network may have: numbers in, numbers out.

None of them reads or writes files, talks to other machines, prints, or runs code of
another language. An operator that is not here may do so.
"""

_ARITHMETIC = """
Abs Acos Acosh Add AddN AddV2 All Angle Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh
BatchMatMul BatchMatMulV2 BatchMatMulV3 BiasAdd BiasAddV1 Bitcast BitwiseAnd BitwiseOr
BitwiseXor Cast Ceil ClipByValue Cos Cosh Cross Cumprod Cumsum Digamma Div DivNoNan
Einsum Equal Erf Erfc Erfinv Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual
Inv Invert IsFinite IsInf IsNan LeftShift Less LessEqual Lgamma Log Log1p LogicalAnd
LogicalNot LogicalOr LogicalXor MatMul Max Maximum Mean Min Minimum Mod Mul MulNoNan
Neg NextAfter NotEqual Pow Prod RealDiv Reciprocal RightShift Rint Round Rsqrt
SegmentMax SegmentMean SegmentMin SegmentSum Sigmoid Sign Sin Sinh Sqrt Square
SquaredDifference Sub Sum Tan Tanh TruncateDiv TruncateMod UnsortedSegmentMax
UnsortedSegmentSum Xdivy Xlog1py Xlogy
"""
_NETWORKS = """
AvgPool AvgPool3D Conv2D Conv2DBackpropInput Conv3D DepthwiseConv2dNative Dilation2D
Elu FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel
FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 L2Loss LRN LeakyRelu LogSoftmax
MaxPool MaxPool3D MaxPoolV2 MaxPoolWithArgmax Relu Relu6 Selu Softmax Softplus
Softsign TopK TopKV2
"""
_SHAPES = """
BatchToSpace BatchToSpaceND BroadcastArgs BroadcastTo Concat ConcatV2 Const
DepthToSpace Diag DiagPart DynamicPartition DynamicStitch EnsureShape ExpandDims
ExtractImagePatches Fill Gather GatherNd GatherV2 GuaranteeConst Identity IdentityN
InvertPermutation LinSpace MatrixBandPart MatrixDiag MatrixDiagPart MatrixDiagPartV2
MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixSetDiag MirrorPad NoOp OneHot
OnesLike Pack Pad PadV2 ParallelConcat Placeholder PlaceholderV2
PlaceholderWithDefault PreventGradient Range Rank Reshape Reverse ReverseSequence
ReverseV2 Roll ScatterNd Select SelectV2 Shape ShapeN Size Slice Snapshot SpaceToBatch
SpaceToBatchND SpaceToDepth Split SplitV Squeeze StopGradient StridedSlice
TensorScatterAdd TensorScatterUpdate Tile Transpose Unpack UnravelIndex Where
ZerosLike
"""
_FLOW = """
Assert Case ControlTrigger EmptyTensorList Enter Exit If LoopCond Merge NextIteration
PartitionedCall StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile
Switch TensorArrayCloseV3 TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3
TensorArrayScatterV3 TensorArraySizeV3 TensorArrayV3 TensorArrayWriteV3
TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack
TensorListReserve TensorListResize TensorListSetItem TensorListStack While
"""
_VARIABLES = """
Assign AssignVariableOp DisableCopyOnRead IsVariableInitialized ReadVariableOp
ResourceGather ResourceGatherNd VarHandleOp VarIsInitializedOp Variable VariableShape
VariableV2
"""
_IMAGES = """
AdjustContrastv2 AdjustHue AdjustSaturation CropAndResize DecodeAndCropJpeg DecodeBmp
DecodeImage DecodeJpeg DecodePng HSVToRGB ImageProjectiveTransformV2
ImageProjectiveTransformV3 RGBToHSV ResizeArea ResizeBicubic ResizeBilinear
ResizeNearestNeighbor ScaleAndTranslate
"""
_RANDOM = """
Multinomial RandomStandardNormal RandomUniform RandomUniformInt StatelessRandomGetAlg
StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormal
StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformInt
StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessTruncatedNormal
StatelessTruncatedNormalV2 TruncatedNormal
"""
# Of names of files, for the operators that save.
_TEXTS = "ShardedFilename StaticRegexFullMatch StaticRegexReplace StringJoin"

ALLOWED = frozenset(
    " ".join(
        (_ARITHMETIC, _NETWORKS, _SHAPES, _FLOW, _VARIABLES, _IMAGES, _RANDOM, _TEXTS)
    ).split()
)
# What every SavedModel has to be saved again with, and nobody who loads one runs.
SAVERS = frozenset(["MergeV2Checkpoints", "SaveSlices", "SaveV2"])
RESTORERS = frozenset(["RestoreV2"])
