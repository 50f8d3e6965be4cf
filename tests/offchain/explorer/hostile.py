"""What strangers put into fields."""

from typing import Final

SCRIPT: Final = "<script>document.title='owned'</script>"
TEXTS: Final = (
    "' OR 1=1--",
    '"; DROP TABLE payments; --',
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{7*7}}${7*7}",
    "..%2f..%2fetc%2fpasswd",
    "\u202e\ufeff",
    "0x" + "f" * 70_000,
    "9" * 400,
    "-1",
    "1e99",
    "\x00",
    "１２３",
)
