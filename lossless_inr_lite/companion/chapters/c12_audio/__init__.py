"""Notebook 12_audio: Fig. 12 and Table 9, sound that is exact, heard and transcribed.

`study` says what is fitted and looked at, `transcription` turns speech to text, and `figures`
shows, plays and judges it.
"""
