"""File formats, one module each: what is read, what is written, and what a file says beside that.

- `picture`: what a reader of pictures gets and gives, and what every format declares of itself;
- `png`, `jpeg`, `tiff`, `netpbm`, `dicom`: the formats of pictures.

To import this package takes numpy alone. The packages that read and write files are imported when
they are first needed. `image_files` and `audio_files` choose the format.
"""
