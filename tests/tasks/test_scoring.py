from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from emcog.memory import EpisodicLM, MemoryConfig
from emcog.tasks import ask_questions, make_trial

SMALL = {"n_init": 4, "n_local": 64, "n_mem": 48, "chunk": 32, "min_event": 2, "max_event": 16}


class Oracle:
    """Stands in for a memory: it knows the answers to the prompts that it is told of, and says them."""

    def __init__(self, lm, answers):
        self.lm, self.answers, self.read_texts = lm, answers, []
        self.reader = SimpleNamespace(step=0, layers={0: None})
        self.events = pd.DataFrame({"event": [0], "start_token": [0], "end_token": [10**6]})
        self.recalls = pd.DataFrame({"step": [0], "layer": [0], "event": [0]})

    def fork(self):
        twin = Oracle(self.lm, self.answers)
        twin.read_texts = [*self.read_texts]
        return twin

    def read(self, ids):
        self.read_texts.append(self.lm.tokenizer.decode(ids))

    def generate(self, prompt, **options):
        return f" {self.answers[self.read_texts[-1]]}. And so on"

    def score(self, ids):
        right = self.lm.tokenizer.decode(ids) == f" {self.answers[self.read_texts[-1]]}"
        return pd.DataFrame({"surprisal": [1.0 if right else 4.0] * len(ids)})


def test_an_oracle_is_right(tiny, filler):
    trial = make_trial("who_lives_where", filler, 500, [0.1, 0.5, 0.8])
    found = ask_questions(Oracle(tiny, {q.prompt: q.answer for q in trial.questions}), trial)
    assert found.correct.all() and found.chosen.all()
    assert found.answer.tolist() == [q.answer for q in trial.questions]
    assert found.log2_p.tolist() == [-len(tiny.encode(f" {q.answer}")[0]) for q in trial.questions]
    assert (found.margin > 0).all()
    assert found.distance.tolist() == [trial.n_tokens - q.end for q in trial.questions]
    assert found.recalled.tolist() == [1, 1, 1]


@pytest.mark.parametrize("wrong", ["{0}7", "7{0}", "the {0}"])
def test_an_answer_that_only_holds_the_right_one_is_wrong(tiny, filler, wrong):
    trial = make_trial("pass_key", filler, 200, [0.5])
    (question,) = trial.questions
    found = ask_questions(Oracle(tiny, {question.prompt: wrong.format(question.answer)}), trial)
    assert not found.correct[0]
    assert not found.chosen[0]
    assert found.said[0].startswith(wrong.format(question.answer))


def test_questions_in_turn_are_told_the_answers_and_others_are_not(tiny, filler):
    heard = []

    class Noting(Oracle):
        def fork(self):
            twin = Noting(self.lm, self.answers)
            twin.read_texts = [*self.read_texts]
            return twin

        def generate(self, prompt, **options):
            heard.append(list(self.read_texts))
            return super().generate(prompt, **options)

    for task, n_heard in (("associative_recall", [1, 3, 5]), ("several_keys", [1, 1, 1])):
        trial = make_trial(task, filler, 400, [0.1, 0.5, 0.8])
        heard.clear()
        ask_questions(Noting(tiny, {q.prompt: q.answer for q in trial.questions}), trial)
        assert [len(texts) for texts in heard] == n_heard
        if task == "associative_recall":
            assert heard[-1][1] == f" {trial.questions[0].answer}."


def test_log_probabilities_are_those_of_the_plain_model_where_all_is_in_sight(tiny, filler):
    trial = make_trial("several_keys", filler, 90, [0.2, 0.6], n_distractors=3)
    memory = EpisodicLM(tiny, MemoryConfig(n_local=250, n_mem=48, chunk=64))
    memory.read(trial.context)
    before = memory.n_tokens
    found = ask_questions(memory, trial)
    assert memory.n_tokens == before
    for row, question in zip(found.itertuples(), trial.questions, strict=True):
        given = [0, *tiny.encode(trial.context + question.prompt)[0]]

        def log2_p(words, given=given):
            new = tiny.encode(f" {words}")[0]
            with torch.no_grad():
                logits = tiny.model(torch.tensor([[*given, *new]]), use_cache=False).logits[0]
            places = np.arange(len(given) - 1, len(given) + len(new) - 1)
            return float(logits.log_softmax(-1)[places, new].sum()) / np.log(2)

        assert row.log2_p == pytest.approx(log2_p(question.answer), abs=1e-3)
        best = max(map(log2_p, question.distractors))
        assert row.margin == pytest.approx(log2_p(question.answer) - best, abs=2e-3)
        assert row.chosen == (row.margin > 0)


@pytest.mark.parametrize(("before", "speaking", "wanted"), [([], [], 0.0), ([-1], [], 0.0), ([-1], [1], 1.0)])
def test_what_is_recalled_while_speaking_counts_and_what_was_before_does_not(tiny, filler, before, speaking, wanted):
    class Recalling(Oracle):
        def fork(self):
            twin = Recalling(self.lm, self.answers)
            twin.read_texts = [*self.read_texts]
            twin.recalls = pd.DataFrame({"step": before, "layer": 0, "event": 0})
            return twin

        def generate(self, prompt, **options):
            self.recalls = pd.DataFrame({"step": [*before, *speaking], "layer": 0, "event": 0})
            return super().generate(prompt, **options)

    trial = make_trial("pass_key", filler, 100, [0.5])
    found = ask_questions(Recalling(tiny, {q.prompt: q.answer for q in trial.questions}), trial)
    assert found.recalled.tolist() == [wanted]


def test_a_planted_fact_is_recalled_when_there_is_room_for_everything_and_never_by_the_window_alone(tiny, filler):
    trial = make_trial("several_keys", filler, 400, [0.3, 0.5], n_distractors=1)
    for policy, wanted in (("similarity", 1.0), ("none", 0.0)):
        memory = EpisodicLM(tiny, MemoryConfig(**SMALL | {"n_mem": 1000, "policy": policy}))
        memory.read(trial.context)
        assert ask_questions(memory, trial).recalled.tolist() == [wanted, wanted]


def test_a_question_without_distractors_has_no_margin(tiny, filler):
    trial = make_trial("pass_key", filler, 100, [0.5])
    question = replace(trial.questions[0], distractors=())
    found = ask_questions(Oracle(tiny, {question.prompt: question.answer}), replace(trial, questions=(question,)))
    assert np.isnan(found.margin[0])
    assert found.correct[0]
