"""What the tests of transcripts share: `read` writes a file and reads it back, `fails` reads it and gives the error."""

import pytest

from emcog.errors import EmcogError
from emcog.transcript import read_transcript


@pytest.fixture(scope="session")
def read(tmp_path_factory):
    """Write `content` (str or bytes) to a file of this name and read it."""
    folder = tmp_path_factory.mktemp("transcripts")

    def write_and_read(content, name="story.txt", **options):
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        transcript = read_transcript(path, **options)
        for row in transcript.words.itertuples():
            assert transcript.text[row.char_start : row.char_end] == row.word
        return transcript

    return write_and_read


@pytest.fixture(scope="session")
def fails(read):
    """Read a file that cannot be read; the message, which must be one line and name the file."""

    def message_of(content, name="story.txt", error=EmcogError, **options):
        with pytest.raises(error) as caught:
            read(content, name, **options)
        message = str(caught.value)
        assert len(message.splitlines()) == 1
        assert name in message
        return message

    return message_of
