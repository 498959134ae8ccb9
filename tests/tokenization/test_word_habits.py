"""The rule that labelled words follow."""

from __future__ import annotations

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tokenization.raw_words import RawWords
from xtremedistil_tf.tokenization.word_habits import described, rule_of


def of(*sentences: str, times: int = 10) -> RawWords:
    return rule_of([Example(tuple(sentence.split())) for sentence in sentences] * times)


def test_marks_that_stand_alone():
    assert of("Ada , of ( Oslo ) .") == RawWords("punctuation")


def test_marks_at_words():
    assert of("Ada, of (Oslo).") == RawWords()
    assert of("ada lives in oslo") == RawWords() == rule_of([])


def test_periods_of_initials_decide_nothing():
    assert of("J. R. Tolkien , U.S. Army") == RawWords("punctuation")
    assert of("J. R. Tolkien and U.S. Army") == RawWords()


def test_marks_are_kept_where_the_data_keeps_them():
    assert of("#one , 10% . #two and a। b। ।") == RawWords("punctuation", kept_before="#", kept_after="%।")
    assert of("#one , 10% .", times=4) == RawWords("punctuation")


def test_quotes_are_kept_where_the_data_keeps_them():
    assert of("«one two» , . ;") == RawWords("punctuation", kept_before="«", kept_after="»")
    assert of("«one two» « » , .") == RawWords("punctuation")


def test_hyphens_after_words():
    assert of("West- and East - a - b - c , .") == RawWords("punctuation", kept_after="-")
    assert of("-a and -b - , .") == RawWords("punctuation", kept_before="-")
    assert of("-a and b - c - , .") == RawWords("punctuation")


def test_slashes():
    assert of("one / two , three .") == RawWords("punctuation", parted="/")
    assert of("one/two , three .", "http://a.b/c , .") == RawWords("punctuation")
    assert of("one / two , three .", "http://a.b/c , .") == RawWords("punctuation", parted="/")
    assert of("one / two , 3/4 .") == RawWords("punctuation")


def test_brackets_quotes_and_apostrophes_are_never_kept():
    assert of('(a "b c) d\' , . ; ! ?') == RawWords("punctuation", beginnings=("d'",))


def test_parts_with_apostrophes():
    assert of("Ada 's , is n't , l' Oslo .") == RawWords("punctuation", beginnings=("l'",), endings=("'s", "n't"))
    assert of("Ada ’s , l’ Oslo .") == RawWords("punctuation", beginnings=("l'",), endings=("'s",))
    # More often inside a word than alone.
    assert of("Ada 's , Bo's Cy's .") == RawWords("punctuation")


def test_characters():
    assert of("我 在 Berlin 。", "ส ว ั ส ด ี") == RawWords("punctuation", characters=True)
    assert of("我们 在 柏林 。") == RawWords("punctuation")


def test_words_that_keep_their_period():
    marks = ", . . . . . ( ) : ; ? !"
    assert of(marks, "Dr. No , am 3. Mai und 28. Juni .", "J. R. etc... of U.S. Army .") == RawWords(
        "punctuation", abbreviations=("0.", "00.", "Dr."))
    assert of(marks, "Dr. No .", times=2) == RawWords("punctuation")
    # More than twice as often as not.
    assert of(marks, "Dr. No , Dr. No , by the Dr .") == RawWords("punctuation")
    assert of(marks, "Dr. No , Dr. No , Dr. No , by the Dr .") == RawWords("punctuation", abbreviations=("Dr.",))
    many = marks * 99 + " , ".join(f"{'a' * (2 + number % 9)}{chr(97 + number // 9)}. ," for number in range(150))
    assert len(of(many).abbreviations) == 100


def test_the_line_for_the_log():
    assert described(RawWords()) == "raw text is split at white space"
    assert described(RawWords("punctuation", True, "#", "%", ("l'",), ("'s",))) == (
        "raw text is split at white space and punctuation; characters of scripts without spaces are words; "
        "kept before words: #; kept after words: %; parted from words: l' 's")
    few, many = ("Dr.", "St."), tuple(f"{letter}." for letter in "abcdefghi")
    assert described(RawWords("punctuation", abbreviations=few)).endswith("; 2 words keep their period: Dr. St.")
    assert described(RawWords("punctuation", abbreviations=many)).endswith(
        "; 9 words keep their period: a. b. c. d. e. f. g. h. ...")
