"""Which changes a mutant of a contract may be."""

from proving.mutations import mutants_of

SOURCE = """
contract Till {
    // a - b in a comment
    function pay(uint256 a, uint256 b) external restricted returns (uint256) {
        if (a < b) revert TooLittle(a - b, "a + b");
        _requireDoor(b);
        uint256 least = a < b ? a : b;
        for (uint256 i = 0; i < b; ++i) {
            a += least;
        }
        return a - b - least;
    }

    function later() external;
}
"""


def test_mutants_are_changes_of_arithmetic_and_checks() -> None:
    found = mutants_of("contracts/Till.sol", SOURCE)
    assert [mutant.id for mutant in found] == [
        "Till.sol pay: restricted -> nothing",
        'Till.sol pay: if (a < b) revert TooLittle(a - b, "a + b"); -> nothing',
        "Till.sol pay: < -> <=",
        "Till.sol pay: - -> +",
        "Till.sol pay: _requireDoor(b); -> nothing",
        "Till.sol pay: += -> -=",
        "Till.sol pay #1: - -> +",
        "Till.sol pay #2: - -> +",
    ]


def test_mutant_changes_one_place_and_nothing_else() -> None:
    for mutant in mutants_of("contracts/Till.sol", SOURCE):
        changed = mutant.applied(SOURCE)
        assert changed != SOURCE
        assert changed.replace(mutant.new, "", 1).count("\n") <= SOURCE.count("\n")
        assert len(changed) - len(SOURCE) == len(mutant.new) - len(mutant.old)
