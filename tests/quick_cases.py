"""A pytest plugin: of a test's cases only some run in `make test`.

`@pytest.mark.quick_cases("a", "*-b")` makes all cases slow but those whose ids are like
one of these; `make test-slow` runs them.
"""

from fnmatch import fnmatchcase

import pytest


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(config, items):
    unused = {}
    for item in items:
        if mark := item.get_closest_marker("quick_cases"):
            test, case = item.nodeid.split("[")[0], item.callspec.id
            like = {pattern for pattern in mark.args if fnmatchcase(case, pattern)}
            unused.setdefault(test, set(mark.args)).difference_update(like)
            if not like:
                item.add_marker("slow")
    whole = not any("[" in argument for argument in config.args)
    if whole and (unknown := {test: left for test, left in unused.items() if left}):
        raise pytest.UsageError(
            f"`quick_cases` names cases that are not there: {unknown}"
        )
