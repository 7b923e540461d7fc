"""The report of an upload on the gallery tab."""

from shared.ui.gallery.tab import _all, _question, _report_html
from shared.ui.gallery.upload_report import UploadReport


def test_reports_escape_names_and_list_a_limited_number_of_files():
    report = _report_html(UploadReport("k", (1, 2, 3), (("<b>", "bad & ugly"),) * 120))
    assert "Added 3 pictures, skipped 120 files" in report
    assert "&lt;b&gt;" in report
    assert "bad &amp; ugly" in report
    assert report.count("<li>") == 101


def test_a_report_without_skipped_files():
    assert _report_html(UploadReport("k", (1,), ())) == "<p>Added 1 picture.</p>"


def test_a_report_of_a_stopped_upload():
    assert _report_html(UploadReport("k", (1, 2), (), stopped=True)) == "<p>Stopped: added 2 pictures.</p>"


def test_a_question_names_the_number_of_pictures():
    assert (_all(1), _all(1200)) == ("this picture", "all 1,200 pictures")
    row, text = _question("Really?")
    assert (row.visible, text) == (True, "Really?")
    row, text = _question()
    assert (row.visible, text) == (False, "")


def test_few_skipped_files_are_unfolded():
    assert "<details open>" in _report_html(UploadReport("k", (1,), (("a", "b"),)))
    assert "<details>" in _report_html(UploadReport("k", (1,), (("a", "b"),) * 6))
    assert "<details open>" in _report_html(UploadReport("k", (), (("a", "b"),) * 6))
