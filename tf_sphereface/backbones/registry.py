"""Backbones by name, as recipes and commands call them."""

from tf_sphereface.backbones.inception_face import InceptionFace
from tf_sphereface.backbones.inception_resnet_v1 import InceptionResNetV1
from tf_sphereface.backbones.iresnet import IResNet
from tf_sphereface.backbones.keras_application import KerasApplication
from tf_sphereface.backbones.mobilefacenet import MobileFaceNet
from tf_sphereface.backbones.sphereface_cnn import SphereFaceCNN
from tf_sphereface.backbones.zfnet_face import ZFNetFace
from tf_sphereface.network_names import with_depth

BACKBONES = {
    "inception_face": InceptionFace,
    "inception_resnet_v1": InceptionResNetV1,
    "iresnet": IResNet,
    "keras_application": KerasApplication,
    "mobilefacenet": MobileFaceNet,
    "sphereface_cnn": SphereFaceCNN,
    "zfnet_face": ZFNetFace,
}


def build_backbone(name, /, **arguments):
    """An embedding network with fresh weights.

    Args:
        name: One of `BACKBONES`, or a short name that says the depth: "sphereface20"
            is "sphereface_cnn" with depth=20, "iresnet50" is "iresnet" with depth=50.
        **arguments: Of its class.

    Returns: A `Backbone`.
    Raises: ValueError if there is no such backbone, or an argument is out of range.

    Example:
        backbone = build_backbone("mobilefacenet", embedding_dim=256)
    """
    received = name
    name, arguments = with_depth(name, arguments)
    if name not in BACKBONES:
        raise ValueError(
            f"`name` must be one of {sorted(BACKBONES)}, or say the depth as in "
            f"'sphereface20' and 'iresnet50'. Received: name={received!r}"
        )
    return BACKBONES[name](**arguments)
