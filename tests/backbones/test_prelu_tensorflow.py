"""Tests of tf_sphereface.backbones.prelu in TensorFlow's graphs."""

import pytest
import tensorflow as tf

from tf_sphereface.backbones.prelu import PReLU


@pytest.mark.parametrize("training", [True, False])
def test_training_alone_is_compiled(training):
    """Exported files are recognised by the operators of inference."""
    layer = PReLU(shared_axes=[1, 2])
    layer.build((None, 3, 3, 2))
    graph = (
        tf.function(lambda inputs: layer(inputs, training=training))
        .get_concrete_function(tf.TensorSpec((None, 3, 3, 2)))
        .graph
    )
    calls = [call for call in graph.get_operations() if "PartitionedCall" in call.type]
    assert [call.get_attr("_XlaMustCompile") for call in calls] == [True] * training
