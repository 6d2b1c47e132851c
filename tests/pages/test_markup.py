"""Tests for tf_sphereface.pages.markup: the frame of all pages."""

import re

import pytest

from tf_sphereface.pages.markup import fill_page

PACKAGE = "tf_sphereface.evaluation.clustering"
VALUES = {
    "kicker": "Clusters",
    "heading": "faces &amp; $more",
    "headline": "<strong>2</strong> found",
    "details": "<dt>Cost</dt><dd>$details</dd>",
    "cards": "CARDS",
    "sections": "$style",
}


def page(**values):
    filled = {**VALUES, **values}
    return fill_page(PACKAGE, "cluster_template.html", filled)


def test_frame_stands_about_the_template_with_every_value_as_it_is():
    text = page()
    places = [
        text.index(part) for part in ("<h1>", "found", "CARDS", "<dt>", "</html>")
    ]
    assert places == sorted(places)
    assert text.startswith("<!DOCTYPE html>") and text.count("<style>") == 1
    # What looks like a field in a value, such as a file's name, is none.
    for shown in ("<h1>faces &amp; $more</h1>", "\n$style\n", "<dd>$details</dd></dl>"):
        assert text.count(shown) == 1


@pytest.mark.parametrize(
    ("values", "title", "subtitle"),
    [
        ({}, "Clusters: faces &amp; $more", None),
        ({"title": "Clusters", "subtitle": "3 faces"}, "Clusters", "3 faces"),
        ({"subtitle": ""}, "Clusters: faces &amp; $more", ""),
    ],
)
def test_title_and_subtitle(values, title, subtitle):
    text = page(**values)
    assert re.findall("<title>(.*)</title>", text) == [title]
    found = re.findall('<p class="subtitle">(.*)</p>', text)
    assert found == ([] if subtitle is None else [subtitle])


@pytest.mark.parametrize("field", VALUES)
def test_missing_field_is_a_defect(field):
    values = {name: html for name, html in VALUES.items() if name != field}
    with pytest.raises(KeyError, match=field):
        fill_page(PACKAGE, "cluster_template.html", values)
