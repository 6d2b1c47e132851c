"""Files of weights, whoever wrote them: what format it is, and the tensors in it."""
