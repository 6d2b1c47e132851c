"""Cases that depend on no network's weights: those of mobile_demo/contract."""

from case_makers.cascade import add_cascade_cases
from case_makers.case_folder import CaseFolder
from case_makers.decisions import add_decision_cases
from case_makers.enrolment import add_enrolment_cases
from case_makers.imports import add_import_cases
from case_makers.pixels import add_pixel_cases


def weightless_cases() -> dict[str, bytes]:
    """The files, by their names below mobile_demo/contract."""
    folder = CaseFolder()
    add_pixel_cases(folder)
    add_cascade_cases(folder)
    add_decision_cases(folder)
    add_enrolment_cases(folder)
    add_import_cases(folder)
    return folder.finish(of="no weights")
