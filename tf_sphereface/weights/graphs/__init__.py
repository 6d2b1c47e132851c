"""Networks of ONNX and TFLite files as graphs, paired with those of our backbones."""
