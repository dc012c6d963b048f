"""What the chapters' answers say in words holds in the committed records that their figures show.

A record that is made again may change an answer: then its words have to change too.
"""

import numpy as np

from lossless_inr_lite.companion import tables
from lossless_inr_lite.companion.records import load_record

CHEAPER_CLOCKS = ("samples_seen", "seconds")


def exact_share(rows, clock):
    """The share of each method's fits without a wrong bit; one that was too slow has some."""
    shares = {}
    for method, group in tables.by_method(rows).items():
        exact = sum(found["ber"] == 0 for found in tables.qualities(group, clock))
        shares[method] = exact / len(group)
    return shares


def fits(name, prefix=""):
    record = load_record("cpu", name)["fits"]
    return [row for label, row in record.items() if label.startswith(prefix)]


def test_baselines_are_exact_at_equal_samples_and_not_at_equal_iterations():
    rows = tables.of_bits(fits("05_baselines", "best"), 8)
    at_equal_iterations = exact_share(rows, "iteration")
    assert at_equal_iterations.pop("bit-planes") == 1
    assert set(at_equal_iterations.values()) == {0}
    for clock in CHEAPER_CLOCKS:
        shares = exact_share(rows, clock)
        assert min(shares["SIREN"], shares["FINER"]) > 0.5
        assert shares["Tanh+PE"] == shares["ReLU+PE"] == 0


def test_backbones_with_and_without_bit_planes():
    rows = tables.of_bits(fits("06_backbones"), 8)
    assert len({row["signal"]["sha256"] for row in rows}) == 1
    shares = exact_share(rows, "iteration")
    exact = {method for method, share in shares.items() if share == 1}
    with_planes = {f"{name} with bit-planes" for name in ("Instant-NGP", "Gauss", "FINER")}
    assert exact == with_planes | {"Gauss alone"}
    for clock in CHEAPER_CLOCKS:
        assert exact_share(rows, clock)["FINER alone"] == 1


def test_the_method_needs_fewest_iterations_and_more_samples_than_digits():
    rows = fits("07_hypothesis")
    iterations = tables.means(rows, "iterations")
    samples = tables.means(rows, "samples_seen")
    method = "bce, d = 3, bit coordinate"
    digits = ("n = 1", "n = 2", "n = 4", "n = 8")
    assert min(iterations, key=iterations.__getitem__) == method
    assert samples[method] > max(samples[name] for name in digits)
    assert iterations["n = 2"] < iterations["n = 4"] < iterations["n = 1"]  # no order of bits
    one_change_less = (
        "bce, d = 3, heads",
        "bce, d = 2, bit coordinate",
        "mse, d = 3, bit coordinate",
    )
    assert min(iterations[name] for name in one_change_less) > 2 * iterations[method]


def test_only_the_cross_entropy_arrives_and_colour_as_a_coordinate_costs_samples():
    arrived = set(tables.means(fits("08_ablations", "losses"), "iterations"))
    assert arrived == {"BCE", "sigmoid, then BCE"}
    colours = fits("08_ablations", "colours")
    iterations = tables.means(colours, "iterations")
    samples = tables.means(colours, "samples_seen")
    assert iterations["(h, w, i, c)"] < iterations["(h, w, i)"]
    assert samples["(h, w, i, c)"] > samples["(h, w, i)"]


def test_rounded_weights_lose_the_picture_and_trained_ones_keep_it():
    points = load_record("cpu", "13_ternary")["facts"]["precision"]
    assert all(point["ber"] > 0 for point in points if point["how"] == "after training")
    fewest = {}
    for point in points:
        if point["how"] == "in training" and point["ber"] == 0:
            method = point["method"]
            fewest[method] = min(point["bits"], fewest.get(method, 99))
    values = fewest.pop("SIREN, values")
    assert fewest
    assert max(fewest.values()) < values


def test_extrapolated_bits_lie_below_the_mid_point_and_neighbours_help():
    rows = load_record("cpu", "14_bit_depth_expansion")["facts"]["rows"]
    psnr = {}
    for row in rows:
        if row["part"] == "crop":
            depths = (row["from_bits"], row["to_bits"])
            psnr.setdefault(depths, {}).setdefault(row["method"], []).append(row["psnr"])
    gains = {}
    for depths, found in psnr.items():
        middle = np.mean(found["mid_point"])
        gains[depths] = {method: np.mean(values) - middle for method, values in found.items()}
        assert gains[depths]["extrapolation"] < 0
        assert min(gains[depths]["linear"], gains[depths]["local_network"]) > 0
    assert max(gains, key=lambda depths: gains[depths]["linear"]) == (4, 8)


def test_neighbours_compress_and_coordinates_hardly():
    steps = load_record("cpu", "15_lossless_compression")["facts"]["ablation"]
    bits = {name: step["bpp"] for name, step in steps.items()}
    assert bits["+ neighbours"] < 0.8 * bits["+ prefix"]
    assert bits["all but coordinates"] < 1.05 * bits["+ neighbours"]
