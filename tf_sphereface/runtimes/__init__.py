"""The runtimes of TFLite and ONNX files, and what a TFLite file holds."""
