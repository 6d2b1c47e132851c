"""From a Keras network to the float TFLite file."""
