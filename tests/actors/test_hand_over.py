from actors.hand_over import HandOver, Raw


def test_what_finds_no_room_is_refused_and_counted() -> None:
    inbox: list[Raw] = []
    hand_over = HandOver(inbox.append, most=3)
    for number in range(5):
        hand_over.give("t", bytes([number]), False)
    assert [raw.payload for raw in inbox] == [b"\x00", b"\x01", b"\x02"]
    assert hand_over.taken() == 2, "told once"
    assert hand_over.taken() == 0
    for number in range(5, 8):
        hand_over.give("t", bytes([number]), True)
    assert [raw.payload for raw in inbox[3:]] == [b"\x05", b"\x06"], "as much room as was taken"
