"""scripts/prices against a small price list in AWS's format."""

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Usage type, operation, dollars: of a region with an abbreviation, at the prices of the table that is compiled in.
OF_S3 = [
    ("EUC1-TimedStorage-ByteHrs", "", "0.023"), ("EUC1-TimedStorage-SIA-ByteHrs", "", "0.0125"),
    ("EUC1-TimedStorage-ZIA-ByteHrs", "", "0.01"), ("EUC1-TimedStorage-INT-FA-ByteHrs", "", "0.023"),
    ("EUC1-TimedStorage-GIR-ByteHrs", "", "0.004"), ("EUC1-TimedStorage-GlacierByteHrs", "", "0.0036"),
    ("EUC1-Requests-Tier1", "", "0.000005"), ("EUC1-Requests-Tier2", "", "0.0000004"),
    ("EUC1-Requests-SIA-Tier1", "", "0.00001"), ("EUC1-Requests-ZIA-Tier1", "", "0.00001"),
    ("EUC1-Requests-INT-Tier1", "", "0.000005"), ("EUC1-Requests-GIR-Tier1", "", "0.00002"),
    ("EUC1-Requests-GLACIER-Tier1", "", "0.00003"),
    ("EUC1-Retrieval-SIA", "", "0.01"), ("EUC1-Retrieval-ZIA", "", "0.01"), ("EUC1-Retrieval-GIR", "", "0.03"),
    ("EUC1-Expedited-Retrieval-Bytes", "RestoreObject", "0.03"), ("EUC1-Requests-Tier6", "RestoreObject", "0.01"),
    ("EUC1-Standard-Retrieval-Bytes", "RestoreObject", "0.01"), ("EUC1-Requests-Tier3", "RestoreObject", "0.00005"),
    ("EUC1-Bulk-Retrieval-Bytes", "RestoreObject", "0"), ("EUC1-Requests-Tier5", "RestoreObject", "0.000025"),
    # What the program has no price for, and a lifecycle's transition under the usage type of a restore.
    ("EUC1-DataTransfer-Out-Bytes", "", "0.09"), ("EUC1-Requests-Tier3", "S3-GlacierTransition", "0.00003"),
]
OF_DEEP_ARCHIVE = [
    ("EUC1-TimedStorage-GDA-ByteHrs", "", "0.00099"), ("EUC1-Requests-GDA-Tier1", "PostObject", "0.00005"),
    ("EUC1-Standard-Retrieval-Bytes", "DeepArchiveRestoreObject", "0.02"),
    ("EUC1-Requests-GDA-Tier3", "DeepArchiveRestoreObject", "0.0001"),
    ("EUC1-Bulk-Retrieval-Bytes", "DeepArchiveRestoreObject", "0.0025"),
    ("EUC1-Requests-GDA-Tier5", "DeepArchiveRestoreObject", "0.000025"),
]


def offer(rows: "list[tuple[str, str, str]]", region: str = "eu-central-1", published: str = "2026-11-20T08:00:00Z") -> dict:
    """A price list as AWS publishes it. Storage has a second price from 50 TB on."""
    products, terms = {}, {}
    for number, (usage, operation, dollars) in enumerate(rows):
        sku = f"SKU{number:03}"
        attributes = {"usagetype": usage, "operation": operation, "regionCode": region, "servicecode": "AmazonS3"}
        products[sku] = {"sku": sku, "productFamily": "any", "attributes": attributes}
        dimensions = {f"{sku}.A": {"unit": "any", "beginRange": "0", "endRange": "51200", "pricePerUnit": {"USD": dollars}}}
        if "TimedStorage-ByteHrs" in usage:
            dimensions[f"{sku}.B"] = {"unit": "any", "beginRange": "51200", "endRange": "Inf", "pricePerUnit": {"USD": "0.022"}}
        terms[sku] = {f"{sku}.T": {"offerTermCode": "T", "sku": sku, "priceDimensions": dimensions}}
    return {"formatVersion": "v1.0", "publicationDate": published, "products": products, "terms": {"OnDemand": terms}}


def prices(folder: Path, *offers: dict) -> subprocess.CompletedProcess:
    files = []
    for number, each in enumerate(offers):
        files.append(folder / f"{number}.json")
        files[-1].write_text(json.dumps(each))
    return subprocess.run([ROOT / "scripts/prices", *files], capture_output=True, text=True, check=False)


def test_the_table_has_the_prices_of_the_list_and_its_date(tmp_path: Path) -> None:
    written = prices(tmp_path, offer(OF_S3), offer(OF_DEEP_ARCHIVE, published="2026-11-18T08:00:00Z"))

    assert written.returncode == 0, written.stderr
    table = json.loads(written.stdout)
    ours = json.loads((ROOT / "src/config/prices.json").read_text())
    assert table["as_of"] == "2026-11-18"
    assert table["region"] == "eu-central-1"
    assert {key: table[key] for key in ("requests", "classes", "retrieval", "currency")} == {
        key: ours[key] for key in ("requests", "classes", "retrieval", "currency")
    }
    assert table.keys() == ours.keys()


@pytest.mark.parametrize(
    ("offers", "told"),
    [
        ([offer(OF_S3)], "0 prices of Standard-Retrieval-Bytes of DeepArchiveRestoreObject"),
        ([offer(OF_S3), offer(OF_DEEP_ARCHIVE, region="eu-west-1")], "give those of one region"),
        ([offer([*OF_S3, ("EUC1-Retrieval-SIA", "", "0.02")]), offer(OF_DEEP_ARCHIVE)], "2 prices of Retrieval-SIA"),
        ([{"Product": {}}], "no offer of AWS's price list"),
    ],
    ids=["one offer", "two regions", "two prices", "another file"],
)
def test_nothing_is_guessed(tmp_path: Path, offers: "list[dict]", told: str) -> None:
    refused = prices(tmp_path, *offers)

    assert refused.returncode == 1
    assert told in refused.stderr
    assert refused.stdout == ""
