import numpy as np
import pytest

from emcog.errors import OptionError
from emcog.tasks import TASKS, Filler, make_trial

DEPTHS = (0.1, 0.35, 0.6, 0.9)


def depths_of(task):
    return DEPTHS[1:2] if TASKS[task].alone else DEPTHS


@pytest.fixture(params=TASKS)
def trial(request, filler):
    return make_trial(request.param, filler, 900, depths_of(request.param), seed=3)


def test_each_fact_is_stated_where_its_question_says(trial, tiny):
    ids, starts, ends = tiny.encode(trial.context)
    assert trial.n_tokens == len(ids)
    for question in trial.questions:
        said = trial.context[starts[question.start] : ends[question.end - 1]]
        assert question.answer in said
        # Whole sentences, and no more of them than the statement.
        assert said.lstrip()[0].isupper() or said.lstrip()[0].isdigit()
        assert said.endswith(".")
        assert len(said) < 120


def test_the_context_is_as_long_as_was_asked_for_and_ends_with_a_sentence(trial, filler):
    longest = filler.lengths.max() if TASKS[trial.task].in_prose else 60
    assert 900 <= trial.n_tokens < 900 + longest
    assert trial.context[-1] in '.!?"'


def test_facts_lie_at_their_depths(trial, filler):
    for question in trial.questions:
        at = question.start / trial.n_tokens
        assert abs(at - question.depth) < 2 * filler.lengths.max() / trial.n_tokens
    by_depth = sorted(trial.questions, key=lambda question: question.depth)
    assert [question.start for question in by_depth] == sorted(question.start for question in trial.questions)


@pytest.mark.parametrize("depth", [0, 1])
def test_a_fact_can_stand_first_or_last(filler, depth):
    trial = make_trial("pass_key", filler, 200, [depth])
    (question,) = trial.questions
    assert (question.start == 0) if depth == 0 else (question.end == trial.n_tokens)


def test_distractors_are_wrong_and_could_be_right(trial):
    for question in trial.questions:
        assert len(set(question.distractors)) == 7
        assert question.answer not in question.distractors
        for other in question.distractors:
            assert other.isdigit() == question.answer.isdigit()
            if other.isdigit():
                assert len(other) == len(question.answer)


def test_answers_to_other_questions_are_the_first_distractors(filler):
    trial = make_trial("who_lives_where", filler, 2000, np.linspace(0, 1, 8), seed=1)
    answers = {question.answer for question in trial.questions}
    for question in trial.questions:
        alike = {a for a in answers if a.startswith("the ") == question.answer.startswith("the ")} - {question.answer}
        assert set(question.distractors[: len(alike)]) == alike


def test_questions_are_about_different_things_and_lead_into_the_answer(trial):
    prompts = [question.prompt for question in trial.questions]
    assert len(set(prompts)) == len(prompts)
    assert all(prompt.startswith("\n\n") and ("?" in prompt or "Tell me" in prompt) for prompt in prompts)
    assert not any(question.answer in question.prompt for question in trial.questions)


def test_the_seed_decides_everything(filler):
    same = [make_trial("several_keys", filler, 300, DEPTHS, seed=s) for s in (1, 1, 2)]
    assert same[0] == same[1]
    assert same[0].context != same[2].context
    assert {q.answer for q in same[0].questions} != {q.answer for q in same[2].questions}


def test_key_value_pairs_stand_among_many_others(filler):
    trial = make_trial("key_value", filler, 600, [0.5])
    assert trial.context.count("number") > 30


def test_a_short_text_goes_round(tiny):
    small = Filler(tiny, "He slept. The ship came in. She woke.")
    sentences, sizes = small.stretch(2, 50)
    assert sentences[:4] == ["The ship came in."] * 4  # the first and last sentences may be broken, and are left out
    assert sizes.sum() >= 50 > sizes[:-1].sum()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task": "pass_kye"}, "did you mean 'pass_key'"),
        ({"depths": [0.5, 1.5]}, "depth must be a number"),
        ({"depths": []}, "at least one depth"),
        ({"depths": [0.1, 0.2]}, "one fact a reading"),
        ({"length": 3}, "facts alone need"),
        ({"length": 2.5}, "length must be a whole number"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_what_cannot_be_made_is_refused(filler, change, said):
    with pytest.raises(OptionError, match=said):
        make_trial(**{"task": "pass_key", "filler": filler, "length": 100, "depths": [0.5]} | change)
