"""From the words of a recipe to Keras objects."""

from pathlib import Path

import keras

from tf_sphereface import backbones
from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.heads import (
    AdaFaceLayer,
    AMSoftmaxLayer,
    ArcFaceLayer,
    ASoftmaxLayer,
    COCOLayer,
    CurricularFaceLayer,
    InverseDecayAnnealing,
    LSoftmaxLayer,
    MagFaceLayer,
    MarginHead,
    NormalizedSoftmaxLayer,
    SoftmaxLayer,
    SphereFace2Layer,
    SphereFaceRLayer,
    StagedMargin,
)
from tf_sphereface.losses import (
    AngularTripletLoss,
    CenterLoss,
    ContrastiveLoss,
    SetLoss,
    TripletHardLoss,
    TripletSemiHardLoss,
)
from tf_sphereface.training.backbone_recipes import BackboneRecipe
from tf_sphereface.training.caffe_sgd import CaffeSGD
from tf_sphereface.training.fine_tuning import initial_backbone
from tf_sphereface.training.head_recipes import HeadRecipe
from tf_sphereface.training.recipe import OptimizerRecipe, Recipe
from tf_sphereface.training.set_loss_recipes import SetLossRecipe

_HEADS = {
    "a_softmax": ASoftmaxLayer,
    "adaface": AdaFaceLayer,
    "am_softmax": AMSoftmaxLayer,
    "arcface": ArcFaceLayer,
    "coco": COCOLayer,
    "curricularface": CurricularFaceLayer,
    "l_softmax": LSoftmaxLayer,
    "magface": MagFaceLayer,
    "normalized_softmax": NormalizedSoftmaxLayer,
    "softmax": SoftmaxLayer,
    "sphereface2": SphereFace2Layer,
    "sphereface_r": SphereFaceRLayer,
}
_SET_LOSSES = {
    "angular_triplet": AngularTripletLoss,
    "center": CenterLoss,
    "contrastive": ContrastiveLoss,
    "triplet_hard": TripletHardLoss,
    "triplet_semihard": TripletSemiHardLoss,
}


def build_backbone(recipe: BackboneRecipe) -> keras.Model:
    """The embedding network of a recipe; its weights are fresh unless it says else.

    Raises: InputError if `keras.applications` does not take the recipe's arguments.
    """
    try:
        return backbones.build_backbone(
            recipe.name, **recipe.model_dump(exclude={"name"})
        )
    except (TypeError, ValueError) as error:
        if recipe.name != "keras_application":
            raise
        raise InputError(f"[backbone] {recipe.application}: {error}") from error


def build_head(recipe: HeadRecipe, num_classes: int) -> MarginHead | None:
    """The margin head of a recipe for this many identities; None for "none"."""
    if recipe.name == "none":
        return None
    arguments = recipe.model_dump(exclude={"name"})
    if "annealing" in arguments:
        arguments["annealing"] = InverseDecayAnnealing(**arguments["annealing"])
    if isinstance(arguments.get("margin"), dict):
        arguments["margin"] = StagedMargin(**arguments["margin"])
    return _HEADS[recipe.name](num_classes, **arguments)


def build_set_loss(recipe: SetLossRecipe, num_classes: int) -> SetLoss:
    """A set loss of a recipe for this many identities."""
    arguments = recipe.model_dump(exclude={"name"})
    if recipe.name == "center":
        arguments["num_classes"] = num_classes
    return _SET_LOSSES[recipe.name](**arguments)


def build_optimizer(recipe: OptimizerRecipe) -> CaffeSGD:
    """Caffe's SGD with the recipe's stepwise learning rate."""
    rates = [
        recipe.learning_rate * recipe.factor**drops
        for drops in range(len(recipe.boundaries) + 1)
    ]
    schedule = rates[0]
    if recipe.boundaries:
        # Keras' first step is 0 and its boundaries are inclusive; Caffe's rate is
        # already lower in the iteration that the boundary names.
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
            [boundary - 1 for boundary in recipe.boundaries], rates
        )
    return CaffeSGD(
        schedule,
        momentum=recipe.momentum,
        coupled_weight_decay=recipe.weight_decay,
        bias_rate=recipe.bias_rate,
        global_clipnorm=recipe.gradient_norm,
    )


def build_classifier(recipe: Recipe, num_classes: int) -> FaceClassifier:
    """Backbone, head, set losses and optimizer of a recipe, compiled and built.

    Raises: InputError as `build_backbone` and `initial_backbone`, and if nothing is
        left to learn.
    """
    # The head comes first: its weights then do not depend on the backbone's depth.
    head = build_head(recipe.head, num_classes)
    set_losses = [build_set_loss(loss, num_classes) for loss in recipe.set_losses]
    if recipe.fine_tuning is None:
        backbone = build_backbone(recipe.backbone)
    else:
        backbone = initial_backbone(
            Path(recipe.fine_tuning.initial_weights), recipe.fine_tuning.frozen_stages
        )
    classifier = FaceClassifier(backbone, head, set_losses)
    if not classifier.trainable_variables:
        raise InputError(
            "nothing is left to learn: there is no head, and all stages are frozen; "
            f"set fine_tuning.frozen_stages to less than {backbone.frozen_stages}"
        )
    metrics = ["accuracy"] if head is not None else None
    classifier.compile(build_optimizer(recipe.optimizer), metrics=metrics)
    return classifier
