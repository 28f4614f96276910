"""A comment's Markdown becomes a page that fetches nothing and shows no HTML but ours."""

from __future__ import annotations

import re
from pathlib import Path

from mlflow_fraud.adapters.comment_page import comment_page

TEXT = """### xgboost-1: promote

| metric | base | here |
| --- | ---: | ---: |
| f1 | 0.5 | `0.6` |

![reliability](made/reliability.png) ![elsewhere](../outside.png) ![a host's](https://host.example/a.png)

<details><summary>Since <code>abc</code></summary>

[MLflow](https://mlflow.example) [a trap](javascript:alert(1)) <img src=x onerror=alert(1)>

<script>alert(1)</script>

</details>
"""


def test_a_comment_is_a_page_with_its_tables_and_pictures_and_nothing_of_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "clone/made").mkdir(parents=True)
    (tmp_path / "clone/made/reliability.png").write_bytes(b"a picture")
    (tmp_path / "outside.png").write_bytes(b"another")

    page = comment_page(TEXT, "into <main>", tmp_path / "clone")

    assert "<h3>xgboost-1: promote</h3>" in page
    assert '<td style="text-align:right"><code>0.6</code></td>' in page
    assert re.findall(r'src="([^"]*)"', page) == ["data:image/png;base64,YSBwaWN0dXJl"]
    assert "elsewhere a host's" in page.replace("&#x27;", "'")
    assert "<details><summary>Since <code>abc</code></summary>" in page
    assert re.findall(r'href="([^"]*)"', page) == ["https://mlflow.example"]
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<title>into &lt;main&gt;</title>" in page
