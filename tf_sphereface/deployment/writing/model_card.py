"""MODEL_CARD.md of a bundle: its use, its measurements and its limits."""

import re

from tf_sphereface.bundle.contract import BundleContract
from tf_sphereface.deployment.writing.tables import (
    contract_table,
    failed_gates,
    threshold_table,
    variant_table,
)
from tf_sphereface.deployment.writing.training_facts import CardFacts

MODEL_CARD_FILE = "MODEL_CARD.md"

_USE = """\
## Intended use

- Telling whether two photos show the same person, on the device, of people who agreed
  to it: unlocking, sorting one's own photos, finding duplicates.
- Research on face recognition.

Not for:

- Decisions about people without a human who can overrule them, surveillance, or
  identifying people who did not agree.
- Guessing age, sex, origin, mood or health: an embedding is not made for that.
- Proof of presence: nothing here tells a face from a photo of a face.
"""

_PRIVACY = """\
## Biometric data

An embedding identifies a person as a fingerprint does, and a new photo finds it again.
Keep embeddings and photos on the device, encrypted; send neither anywhere. Ask people
before you make an embedding of them, say what it is for and how long you keep it, and
delete it when they ask or when it has served. Many laws treat embeddings as biometric
data and ask for consent or another ground first; article 9 of the European Union's GDPR
and the Biometric Information Privacy Act (BIPA) of Illinois are two. This is no legal
advice.
"""

_VERIFY = """\
## How to verify

    sphereface bundle verify BUNDLE
    sphereface bundle verify BUNDLE --model MODEL.keras
    sphereface bundle verify BUNDLE --images ALIGNED --pairs FILE

The first compares checksums, tensors and metadata of all files, and sends the golden
faces from photo to embedding; the second measures the drift again, the third accuracy
and thresholds. `sha256sum -c contract.json.sha256` tells whether the contract itself
has changed. Checksums tell accidents, not forgers.
"""


def model_card(contract: BundleContract, facts: CardFacts | None = None) -> str:
    """The card as Markdown.

    What was not measured or said is called so; gates that failed come first.

    Args:
        contract: Of the bundle, with all its measurements.
        facts: What the contract does not hold; None is `CardFacts()`.
    """
    facts = CardFacts() if facts is None else facts
    sections = [
        f"# {_plain(contract.model.name)}\n",
        _failures(contract),
        _what_it_is(contract),
        _USE,
        _training(contract, facts),
        _figures(contract, facts),
        _limits(contract, facts),
        _PRIVACY,
        _licence(contract),
        "## Contract\n\n" + contract_table(contract),
        _VERIFY,
    ]
    return "\n".join(section for section in sections if section)


def _plain(text: str) -> str:
    """A text of unknown origin in one line, its Markdown and HTML taken as letters."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(str(text).split()))


def _failures(contract):
    failed = failed_gates(contract)
    if not failed:
        return ""
    lines = ["> **A GATE FAILED. Do not use what failed without good reason.**", ">"]
    for name, failures in failed.items():
        lines += [f"> - **{_plain(name)}**: {_plain(failure)}" for failure in failures]
    return "\n".join(lines) + "\n"


def _what_it_is(contract):
    model, pixels = contract.model, contract.pixels
    return (
        f"A network of {model.parameters:,} weights that turns an aligned face of "
        f"{pixels.height} x {pixels.width} pixels (height x width) into "
        f"{contract.embedding_dim} numbers, so that photos of one person have a larger "
        "cosine than photos of two. With it come the face detector and all that a "
        "program needs to compute what was measured here (`contract.json`).\n"
    )


def _training(contract, facts):
    lines = [f"- {_plain(sentence)}" for sentence in facts.training]
    lines += [
        f"- Weights, {_plain(key)}: {_plain(value)}"
        for key, value in contract.model.provenance.items()
    ]
    return "## Training data\n\n" + ("\n".join(lines) or "Not stated.") + "\n"


def _figures(contract, facts):
    samples = contract.samples
    kind = "rendered faces" if samples.rendered else "crops that the exporter gave"
    return (
        "## Figures\n\n"
        "As exported; `sphereface bundle show BUNDLE` has what was calibrated since. "
        "Cosines are between the embeddings of a variant and of the Keras model, on "
        f"{samples.compared:,} {kind}, of {samples.compared_people:,} people none of "
        "whom int8 ranges were taken from. Rank-1 agreement is the share of probes "
        "whose nearest gallery face is that of the Keras model. "
        f'{_search(contract)}"-" was not measured.\n\n'
        f"{variant_table(contract)}\n{_accuracy(contract, facts)}"
    )


def _search(contract):
    found = [v.identification for v in contract.variants.values() if v.identification]
    if not found:
        return ""
    return (
        f"Rank 1 and DIR are of a search for {found[0].probes:,} photos in a gallery "
        f"of {found[0].people:,} people, FAR of {found[0].unknown_probes:,} photos of "
        "people who are not in it. "
    )


def _accuracy(contract, facts):
    measured = [v.verification for v in contract.variants.values() if v.verification]
    if not measured:
        return (
            "Accuracy and thresholds were not measured. Measure them on pairs like "
            "those that the program will meet: `sphereface calibrate`.\n"
        )
    pairs = _plain(facts.pairs) if facts.pairs else "a list that is not stated"
    return (
        f"Accuracy, TAR and thresholds are of {measured[0].pairs:,} pairs: {pairs}. "
        "Two faces are taken for one person if their cosine is at least the "
        "threshold. A threshold holds for its variant; with embeddings of the float "
        'variant enrolled, take that of the gallery "float variant".\n\n'
        f"{threshold_table(contract)}"
    )


def _limits(contract, facts):
    lines = []
    if contract.samples.rendered:
        lines.append(
            "Drift and ranges are of rendered faces: photos of real people may drift "
            "further."
        )
    calibrated = [v.calibration for v in contract.variants.values() if v.calibration]
    if calibrated:
        lines.append(f"Thresholds were calibrated on {calibrated[0].people:,} people.")
    elif not any(variant.verification for variant in contract.variants.values()):
        lines.append("Nobody was measured: how often it errs is not known.")
    else:
        lines.append("How many people the pairs show is not stated.")
    if facts.groups:
        lines += [_plain(sentence) for sentence in facts.groups]
    else:
        lines.append(
            "Error rates by age, sex, skin colour or origin were not measured. "
            "Face recognition is known to err more often on some groups than on "
            "others: measure them before you rely on a threshold "
            "(`sphereface evaluate --groups`)."
        )
    lines.append(
        "A TAR at a FAR holds for pairs like those that were measured; other cameras, "
        "poses, light or ages need their own threshold."
    )
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def _licence(contract):
    licence = contract.model.licence
    said = "Not stated: ask the author before use." if licence is None else licence
    return (
        f"## Licence\n\n{_plain(said)}\n\nThe photos that a model was trained on may "
        "have terms of their own.\n"
    )
