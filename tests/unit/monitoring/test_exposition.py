from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_text import parse

from rt_gait.monitoring.exposition import Family, Histogram, exposition


@given(st.lists(st.text(), min_size=1, max_size=4, unique=True))
def test_any_text_is_a_label(texts: list[str]) -> None:
    family = Family("things", "gauge", "Things")
    for number, text in enumerate(texts):
        family.add(number, name=text)
    parsed = parse(exposition([family]))
    assert [parsed.value("rt_gait_things", name=text) for text in texts] == [*range(len(texts))]


@given(st.lists(st.floats(0, 20)))
def test_a_histogram_counts_what_is_at_most_its_bounds(values: list[float]) -> None:
    bounds = (0.5, 1.0, 10.0)
    histogram = Histogram(bounds)
    for value in values:
        histogram.observe(value)
    family = Family("secs", "histogram", "Seconds")
    family.add_histogram(histogram, stage="detect")
    parsed = parse(exposition([family]))
    for bound in bounds:
        below = parsed.value("rt_gait_secs_bucket", stage="detect", le=f"{bound:g}")
        assert below == sum(value <= bound for value in values)
    assert parsed.value("rt_gait_secs_count", stage="detect") == len(values)
    assert parsed.value("rt_gait_secs_sum", stage="detect") == pytest.approx(sum(values))


def test_a_copy_of_a_histogram_stays_as_it_is() -> None:
    histogram = Histogram((1.0,))
    twin = histogram.copy()
    histogram.observe(0.5)
    assert (twin.counts, twin.total) == ([0, 0], 0.0)


def test_a_metric_without_samples_is_left_out() -> None:
    assert exposition([Family("nothing_total", "counter", "Nothing")]) == ""
    family = Family("total", "gauge", "All")
    family.add(3)
    assert exposition([family]).endswith("\nrt_gait_total 3\n")


@pytest.mark.parametrize(
    "text",
    [
        "a 1",
        "# HELP a A\n# TYPE a gauge\na 1",
        "# HELP a A\n# TYPE a counter\na 1\n",
        "# HELP a A\n# TYPE a gauge\na{b=1} 1\n",
        "# HELP a A\n# TYPE a gauge\nb 1\n",
        "# HELP a A\n# TYPE a gauge\na 1\na 2\n",
        '# HELP a A\n# TYPE a histogram\na_bucket{le="+Inf"} 2\na_sum 1\na_count 1\n',
    ],
)
def test_the_reader_of_these_tests_is_strict(text: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        parse(text)
