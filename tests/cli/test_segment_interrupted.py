"""What `emcog segment` says and leaves when a long listening is interrupted, and when it has ended."""

import emcog.segmenting


def test_an_interruption_says_where_it_goes_on(run, lm_calls, tmp_path, monkeypatch):
    def interrupted(transcript, lm=None, *, progress=None, checkpoint=None, **settings):
        (checkpoint / "refining").mkdir(parents=True)
        raise KeyboardInterrupt

    (tmp_path / "story.txt").write_text("One two three.")
    ended = emcog.segmenting.segment
    monkeypatch.setattr(emcog.segmenting, "segment", interrupted)
    done = run("segment", "story.txt", "--out", "out")
    assert (done.status, done.out) == (130, "")
    assert done.err.splitlines() == [
        "emcog: what was heard is kept in out/story.listening: the same command goes on there",
        "emcog: interrupted",
    ]
    monkeypatch.setattr(emcog.segmenting, "segment", ended)
    assert run("segment", "story.txt", "--out", "out").status == 0
    assert not (tmp_path / "out" / "story.listening").exists()


def test_an_interruption_of_a_short_text_says_no_more_than_that(run, lm_calls, tmp_path, monkeypatch):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    (tmp_path / "story.txt").write_text("One two three.")
    monkeypatch.setattr(emcog.segmenting, "segment", interrupted)
    done = run("segment", "story.txt", "--out", "out")
    assert (done.status, done.err) == (130, "emcog: interrupted\n")
    assert not (tmp_path / "out").exists()
