"""The `[backbone]` section of a recipe: a class for each network, read by its name."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tf_sphereface.network_names import with_depth
from tf_sphereface.training.sections import Count, Positive, Section

InceptionSize = Annotated[int, Field(ge=75)]
Dropout = Annotated[float, Field(ge=0, lt=1)]


class SphereFaceCNNRecipe(Section):
    """`[backbone]` with name "sphereface_cnn", or without a name."""

    name: Literal["sphereface_cnn"] = "sphereface_cnn"
    depth: Literal[4, 10, 20, 36, 64] = 20
    embedding_dim: Count = 512
    width: Positive = 1.0
    height: Count = 112
    columns: Count = 96
    batch_norm: bool = False


class MobileFaceNetRecipe(Section):
    """`[backbone]` with name "mobilefacenet"."""

    name: Literal["mobilefacenet"]
    embedding_dim: Count = 128
    width: Positive = 1.0
    height: Count = 112
    columns: Count = 96


class IResNetRecipe(Section):
    """`[backbone]` with name "iresnet"."""

    name: Literal["iresnet"]
    depth: Literal[18, 34, 50, 100] = 50
    embedding_dim: Count = 512
    width: Positive = 1.0
    height: Count = 112
    columns: Count = 112
    dropout: Dropout = 0.0


class InceptionResNetV1Recipe(Section):
    """`[backbone]` with name "inception_resnet_v1": FaceNet's public networks."""

    name: Literal["inception_resnet_v1"]
    embedding_dim: Count = 512
    width: Positive = 1.0
    height: InceptionSize = 160
    columns: InceptionSize = 160
    dropout: Dropout = 0.0


class ZFNetFaceRecipe(Section):
    """`[backbone]` with name "zfnet_face": FaceNet's NN1."""

    name: Literal["zfnet_face"]
    embedding_dim: Count = 128
    width: Positive = 1.0
    height: Count = 220
    columns: Count = 220


class InceptionFaceRecipe(Section):
    """`[backbone]` with name "inception_face": FaceNet's NN2."""

    name: Literal["inception_face"]
    embedding_dim: Count = 128
    width: Positive = 1.0
    height: Count = 224
    columns: Count = 224


class KerasApplicationRecipe(Section):
    """`[backbone]` with name "keras_application".

    `[backbone.options]` holds further arguments of the function.
    """

    name: Literal["keras_application"]
    application: str
    embedding_dim: Count = 512
    height: Count = 112
    columns: Count = 96
    pooling: Literal["average", "flatten"] = "average"
    dropout: Dropout = 0.0
    options: dict[str, bool | int | float | str] = {}
    weights: Literal["imagenet"] | None = None


def _with_name(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    arguments = dict(value)
    name, arguments = with_depth(arguments.pop("name", "sphereface_cnn"), arguments)
    return {"name": name, **arguments}


BackboneRecipe = Annotated[
    Annotated[
        InceptionFaceRecipe
        | InceptionResNetV1Recipe
        | IResNetRecipe
        | KerasApplicationRecipe
        | MobileFaceNetRecipe
        | SphereFaceCNNRecipe
        | ZFNetFaceRecipe,
        Field(discriminator="name"),
    ],
    BeforeValidator(_with_name),
]
