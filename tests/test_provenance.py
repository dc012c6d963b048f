"""What a row and a record say of the code, the machine and the load that made them."""

from lossless_inr_lite.companion.rows import RowCache, RowKey, sources_of
from lossless_inr_lite.companion.tables import where

KEY = RowKey("label", {"n": 1}, "abc")
SWEEP = ("lossless_inr_lite.companion.rows",)


def test_a_row_tells_commit_code_device_load_and_seconds(tmp_path):
    cache = RowCache(tmp_path, SWEEP)
    cache.write(KEY, {"x": 1}, 2.5, "cuda")
    made = cache.read(KEY)["made"]
    assert (made["seconds"], made["device"], made["code"]) == (2.5, "cuda", cache.code)
    assert made["load_average"] is None or made["load_average"] >= 0
    assert made["commit"] is None or len(made["commit"].rstrip("+")) == 40


def test_a_record_of_different_code_says_so():
    one = {"made": {"commit": "a" * 40, "code": "1"}}
    other = {"made": {"commit": "b" * 40 + "+", "code": "2"}}
    assert sources_of([one, one])["one_code"]
    mixed = sources_of([one, other, {}])
    assert mixed["codes"] == ["1", "2", "unknown"]
    assert not mixed["one_code"]
    place = {"gpu": None, "processor": "p", "cores": 2, "git_commit": "a" * 40 + "+"}
    record = {"profile": "cpu", "environment": place, "made_by": mixed}
    told = where(record).data
    assert "commit aaaaaaaaa+." in told
    assert "different code, of the commits aaaaaaaaa, bbbbbbbbb+, unknown" in told
    assert "different code" not in where({**record, "made_by": sources_of([one])}).data
