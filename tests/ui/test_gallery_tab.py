"""The report of an upload on the gallery tab."""

from shared.ui.gallery.gallery_store import UploadReport
from shared.ui.gallery.tab import _report_html


def test_reports_escape_names_and_list_a_limited_number_of_files():
    report = _report_html(UploadReport("k", (1, 2, 3), (("<b>", "bad & ugly"),) * 120))
    assert "Added 3 pictures, skipped 120 files" in report
    assert "&lt;b&gt;" in report
    assert "bad &amp; ugly" in report
    assert report.count("<li>") == 101


def test_a_report_without_skipped_files():
    assert _report_html(UploadReport("k", (1,), ())) == "<p>Added 1 picture.</p>"


def test_few_skipped_files_are_unfolded():
    assert "<details open>" in _report_html(UploadReport("k", (1,), (("a", "b"),)))
    assert "<details>" in _report_html(UploadReport("k", (1,), (("a", "b"),) * 6))
    assert "<details open>" in _report_html(UploadReport("k", (), (("a", "b"),) * 6))
