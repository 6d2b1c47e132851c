"""SphereFace (A-Softmax) and its loss family, from photos to a phone-ready model.

The public classes are loaded on first use, so that `import tf_sphereface` loads neither
Keras nor TensorFlow.
"""

import importlib

__version__ = "0.1.0"

_PUBLIC = {
    "AMSoftmaxLayer": "tf_sphereface.heads",
    "ASoftmaxLayer": "tf_sphereface.heads",
    "AdaFaceLayer": "tf_sphereface.heads",
    "AngularTripletLoss": "tf_sphereface.losses",
    "ArcFaceLayer": "tf_sphereface.heads",
    "COCOLayer": "tf_sphereface.heads",
    "CenterLoss": "tf_sphereface.losses",
    "ContrastiveLoss": "tf_sphereface.losses",
    "CurricularFaceLayer": "tf_sphereface.heads",
    "FaceClassifier": "tf_sphereface.face_classifier",
    "IResNet": "tf_sphereface.backbones",
    "InceptionFace": "tf_sphereface.backbones",
    "InceptionResNetV1": "tf_sphereface.backbones",
    "InverseDecayAnnealing": "tf_sphereface.heads",
    "LSoftmaxLayer": "tf_sphereface.heads",
    "MagFaceLayer": "tf_sphereface.heads",
    "MarginHead": "tf_sphereface.heads",
    "MobileFaceNet": "tf_sphereface.backbones",
    "NormalizedSoftmaxLayer": "tf_sphereface.heads",
    "PixelContract": "tf_sphereface.preprocessing",
    "SoftmaxLayer": "tf_sphereface.heads",
    "SphereFace2Layer": "tf_sphereface.heads",
    "SphereFaceCNN": "tf_sphereface.backbones",
    "SphereFaceRLayer": "tf_sphereface.heads",
    "StagedMargin": "tf_sphereface.heads",
    "TripletHardLoss": "tf_sphereface.losses",
    "TripletSemiHardLoss": "tf_sphereface.losses",
    "ZFNetFace": "tf_sphereface.backbones",
    "build_backbone": "tf_sphereface.backbones",
    "from_keras_application": "tf_sphereface.backbones",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return __all__
