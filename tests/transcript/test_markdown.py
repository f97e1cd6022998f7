"""Markdown: the prose without its marks."""

CONTENT = """---
title: A *story*
---
# The *old* house #

She **opened** [the door](http://a.b "t")\\
and ![a picture](x.png) went \\*in\\*;
`code` &amp; AT&T.

> He said: _no_.

* one
* two
  1. three

```python
print("nothing")
```

    He waited.

***

<div align="center">The <b>end</b></div>
<!-- not said -->

| a | b |
|---|---|
| c | d |
"""


def test_the_prose_is_what_is_left(read):
    blocks = read(CONTENT, "s.md").text.split("\n\n")
    assert blocks == [
        "The old house",
        "She opened the door\nand  went *in*;\ncode & AT&T.",
        "He said: no.",
        "one",
        "two",
        "three",
        "He waited.",
        "The  end",
        "a b",
        "c d",
    ]


def test_a_rule_at_the_top_is_not_front_matter(read):
    assert read("---\n\nOnce\n", "s.md").text == "Once"
    assert read("+++\na = 1\n+++\nOnce", "s.md").text == "Once"


def test_only_marks(fails):
    for content in ("```\ncode\n```\n", "---\na: b\n---\n", "![x](y)", "***"):
        assert "no words" in fails(content, "s.md")
