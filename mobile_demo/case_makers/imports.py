"""Cases of galleries from elsewhere: good ones, damaged ones and hostile ones."""

import json

import numpy as np

from case_makers.case_folder import CaseFolder, packed
from tf_sphereface.gallery.identity import FeatureIdentity
from tf_sphereface.gallery.records import person_key

DIM = 4
IDENTITY = FeatureIdentity(
    variant="none",
    mirror="none",
    feature_dim=DIM,
    crop_size=(112, 96),
    crops="1" * 64,
    features="2" * 64,
)


def _template(seed=1, **changes):
    feature = np.random.default_rng(seed).normal(size=DIM)
    return {
        "added": "2026-11-30T12:00:00Z",
        "source": "photo.jpg",
        "feature": packed(feature),
        "quality": None,
        "crop": None,
    } | changes


def _person(name="Ada", *templates):
    return {"name": name, "templates": list(templates) or [_template()]}


def _gallery(*people, **changes):
    return {
        "kind": "tf_sphereface gallery",
        "format_version": 1,
        "identity": IDENTITY.model_dump(mode="json"),
        "people": list(people),
    } | changes


_QUALITY = {
    "score": 0.99,
    "eyes": 40.5,
    "brightness": 120.0,
    "sharpness": 0.2,
    "turn": -0.1,
    "landmark_confidence": None,
}
_GOOD = _gallery(_person("Ada", _template(1), _template(2)), _person("Bob"))
_TEXT = json.dumps(_GOOD)
# Name: the document or the text of a file, and the number of templates that are added.
_CASES = {
    "good": (_GOOD, 3),
    "with quality": (_gallery(_person("Ada", _template(quality=_QUALITY))), 1),
    "nobody": (_gallery(), 0),
    "one person twice": (_gallery(_person(), _person("Ada", _template(2))), 2),
    "one template twice": (_gallery(_person("Ada", _template(), _template())), 1),
    "one name in two spellings": (
        _gallery(_person("Zo\u00eb"), _person("Zoe\u0308", _template(2))),
        2,
    ),
    "two names but for capitals": (_gallery(_person(), _person("ada")), 2),
    "a name of another script": (_gallery(_person("Zoë 李")), 1),
    "a name with a joiner": (_gallery(_person("ශ්\u200dරී"), _person("مه\u200cدی")), 2),
    "a name of joined pictures": (
        _gallery(_person("\U0001f469\u200d\U0001f467")),
        1,
    ),
    "a name of a program": (_gallery(_person("<img src=x onerror=alert(1)>")), 1),
    "a name of an object's part": (_gallery(_person("__proto__")), 1),
    "a longest name": (_gallery(_person("n" * 200)), 1),
    "no JSON": ("people", None),
    "an empty file": ("", None),
    "cut off": (_TEXT[:-20], None),
    "more behind it": (_TEXT + "{}", None),
    "a list": ([_GOOD], None),
    "nested deeply": ("[" * 100_000 + "]" * 100_000, None),
    "a key twice": (_TEXT.replace('"people"', '"people": [], "people"', 1), None),
    "NaN": (
        json.dumps(_gallery(_person("Ada", _template(quality=_QUALITY)))).replace(
            "0.99", "NaN"
        ),
        None,
    ),
    "another kind": (_gallery(kind="gallery"), None),
    "a newer format": (_gallery(_person(), format_version=2), None),
    "a version that is a text": (_gallery(_person(), format_version="1"), None),
    "an unknown key": (_gallery(_person(), extra=1), None),
    "an unknown key of a person": (_gallery({**_person(), "age": 3}), None),
    "no identity": ({k: v for k, v in _GOOD.items() if k != "identity"}, None),
    "another bundle": (
        _gallery(_person(), identity={**_GOOD["identity"], "features": "3" * 64}),
        None,
    ),
    "another variant": (
        _gallery(_person(), identity={**_GOOD["identity"], "variant": "int8"}),
        None,
    ),
    "a short feature": (
        _gallery(_person("Ada", _template(feature=packed([1, 2, 3])))),
        None,
    ),
    "no base64": (_gallery(_person("Ada", _template(feature="?" * 24))), None),
    "base64 with spaces": (
        _gallery(_person("Ada", _template(feature=" " + packed([1, 2, 3, 4])))),
        None,
    ),
    "a feature of zeros": (
        _gallery(_person("Ada", _template(feature=packed([0] * DIM)))),
        None,
    ),
    "a feature without end": (
        _gallery(_person("Ada", _template(feature=packed([1, np.inf, 0, 0])))),
        None,
    ),
    "a feature that is no number": (
        _gallery(_person("Ada", _template(feature=packed([1, np.nan, 0, 0])))),
        None,
    ),
    "one bad template of many": (
        _gallery(_person(), _person("Bob", _template(2), _template(feature=""))),
        None,
    ),
    "a person without templates": (_gallery({"name": "Ada", "templates": []}), None),
    "no name": (_gallery(_person("")), None),
    "a name of spaces": (_gallery(_person(" Ada")), None),
    "a name of two lines": (_gallery(_person("Ada\nBob")), None),
    "a name that turns the line": (_gallery(_person("Ada\u202egpj")), None),
    "a name with a joiner that is not seen": (_gallery(_person("Ad\u200da")), None),
    "a name that ends with a joiner": (_gallery(_person("ශ්\u200d")), None),
    "a name with two joiners": (_gallery(_person("ශ්\u200d\u200cරී")), None),
    "too long a name": (_gallery(_person("n" * 201)), None),
    "a name that is a number": (_gallery({**_person(), "name": 7}), None),
    "half a character": (_TEXT.replace('"Bob"', '"\\ud800"'), None),
    "another time": (_gallery(_person("Ada", _template(added="yesterday"))), None),
    "too long a source": (_gallery(_person("Ada", _template(source="s" * 1001))), None),
    "a crop that is none": (
        _gallery(_person("Ada", _template(crop="bm8gcGljdHVyZQ=="))),
        None,
    ),
}


def add_import_cases(folder: CaseFolder) -> None:
    """Adds the topic of the exchange file."""
    cases = []
    for name, (document, added) in _CASES.items():
        text = document if isinstance(document, str) else json.dumps(document)
        case = {"name": name, "added": added}
        if added is not None:
            spellings = {person_key(p["name"]) for p in document["people"]}
            case["people"] = len(spellings)
        if len(text) > 2000 and text.startswith("[["):
            case |= {"repeat": {"open": "[", "close": "]", "times": text.count("[")}}
        else:
            case |= {"text": text}
        cases.append(case)
    folder.topic(
        "imports",
        "Content of files that are imported into an empty gallery of this identity: "
        "the numbers of templates that are added and of people that are there then, "
        "or null, if the file is refused and nothing is added.",
        cases,
        identity=IDENTITY.model_dump(mode="json"),
    )
