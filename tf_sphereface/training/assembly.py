"""From a recipe to Keras objects."""

import keras

from tf_sphereface.errors import InputError
from tf_sphereface.face_classifier import FaceClassifier
from tf_sphereface.training.caffe_sgd import CaffeSGD
from tf_sphereface.training.fine_tuning import initial_backbone
from tf_sphereface.training.many_identities.classifier import ManyIdentitiesClassifier
from tf_sphereface.training.recipes.constructor_sections import ConstructorSection
from tf_sphereface.training.recipes.recipe import OptimizerRecipe, Recipe


def build_backbone(section: ConstructorSection) -> keras.Model:
    """The embedding network of `[backbone]`; its weights are fresh unless it says else.

    Raises: InputError if `keras.applications` does not take the recipe's arguments.
    """
    try:
        return section.make()
    except (TypeError, ValueError) as error:
        if section.name != "keras_application":
            raise
        raise InputError(f"[backbone] {section.application}: {error}") from error


def build_optimizer(
    recipe: OptimizerRecipe,
    schedule: keras.optimizers.schedules.LearningRateSchedule | None = None,
) -> CaffeSGD:
    """Caffe's SGD with the recipe's stepwise learning rate, or another schedule."""
    rates = [
        recipe.learning_rate * recipe.factor**drops
        for drops in range(len(recipe.boundaries) + 1)
    ]
    parts = recipe.accumulation
    if schedule is None and recipe.boundaries:
        # Keras' first step is 0 and its boundaries are inclusive; Caffe's rate is
        # already lower in the iteration that the boundary names. Keras asks for the
        # rate by the number of parts.
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
            [boundary * parts - 1 for boundary in recipe.boundaries], rates
        )
    return CaffeSGD(
        rates[0] if schedule is None else schedule,
        momentum=recipe.momentum,
        coupled_weight_decay=recipe.weight_decay,
        bias_rate=recipe.bias_rate,
        global_clipnorm=recipe.gradient_norm,
        gradient_accumulation_steps=parts if parts > 1 else None,
        use_ema=recipe.ema is not None,
        # Keras averages after each part.
        ema_momentum=(recipe.ema or 0.0) ** (1 / parts),
    )


def build_classifier(
    recipe: Recipe,
    num_classes: int,
    schedule: keras.optimizers.schedules.LearningRateSchedule | None = None,
) -> FaceClassifier:
    """Backbone, head, metric losses and optimizer of a recipe, compiled and built.

    Args:
        recipe: Of one stage.
        num_classes: Number of identities.
        schedule: Of the learning rate; None: the recipe's.

    Raises: InputError as `build_backbone` and `initial_backbone`, if nothing is left to
        learn, or the class weights cannot be divided among the devices.
    """
    # The head comes first: its weights then do not depend on the backbone's depth.
    head = recipe.head.make(num_classes)
    if head is not None:
        head.calls_per_iteration = recipe.optimizer.accumulation
    metric_losses = [loss.make(num_classes) for loss in recipe.metric_losses]
    if recipe.fine_tuning is None:
        backbone = build_backbone(recipe.backbone)
    else:
        backbone = initial_backbone(
            recipe.fine_tuning.initial_file, recipe.fine_tuning.frozen_stages
        )
    classifier = _classifier(recipe, backbone, head, metric_losses)
    if not classifier.trainable_variables and recipe.many_identities is None:
        raise InputError(
            "nothing is left to learn: there is no head, and all stages are frozen; "
            f"set fine_tuning.frozen_stages to less than {backbone.frozen_stages}"
        )
    if recipe.schedule.recompute:
        _recompute(classifier)
    optimizer = build_optimizer(recipe.optimizer, schedule)
    if recipe.many_identities is not None:
        classifier.compile(optimizer)
        return classifier
    jit_compile = recipe.schedule.jit_compile
    classifier.compile(
        optimizer,
        metrics=["accuracy"] if head is not None else None,
        steps_per_execution=recipe.optimizer.accumulation,
        jit_compile="auto" if jit_compile is None else jit_compile,
    )
    return classifier


def _classifier(recipe, backbone, head, metric_losses):
    if recipe.many_identities is None:
        return FaceClassifier(backbone, head, metric_losses)
    try:
        return ManyIdentitiesClassifier(
            backbone,
            head,
            metric_losses,
            sampling_rate=recipe.many_identities.sampling_rate,
            seed=recipe.schedule.seed,
        )
    except ValueError as error:
        raise InputError(f"[many_identities] {error}") from error


def _recompute(classifier):
    try:
        classifier.recompute_activations()
    except ValueError as error:
        raise InputError(f"schedule.recompute: {error}") from error
