"""The columns of the views of the custom attributes: their names, types and order."""

from etl.views.attribute_columns import Column, Definition, columns

TAKEN = ("account_id", "conversation_id")


def names(*keys: str) -> list[str]:
    return [one.name for one in columns([Definition(key, None, "text") for key in keys], TAKEN)]


def test_a_column_has_the_name_of_its_key_and_the_type_of_its_definition():
    types = ("text", "number", "currency", "percent", "link", "date", "list", "checkbox", "hologram", None)
    definitions = [Definition(f"key_{number}", f"Name {number}", kind) for number, kind in enumerate(types)]
    number, date, checkbox = "attribute_number", "attribute_date", "attribute_boolean"
    assert columns(definitions, TAKEN) == [
        Column("key_0", "text", "Name 0", "key_0", None),
        Column("key_1", "numeric", "Name 1", "key_1", number),
        Column("key_2", "numeric", "Name 2", "key_2", number),
        Column("key_3", "numeric", "Name 3", "key_3", number),
        Column("key_4", "text", "Name 4", "key_4", None),
        Column("key_5", "date", "Name 5", "key_5", date),
        Column("key_6", "text", "Name 6", "key_6", None),
        Column("key_7", "boolean", "Name 7", "key_7", checkbox),
        Column("key_8", "text", "Name 8", "key_8", None),
        Column("key_9", "text", "Name 9", "key_9", None),
    ]


def test_a_key_that_two_accounts_define_is_one_column_and_text_where_they_differ():
    same = [Definition("size", "Size", "number"), Definition("size", "Größe", "percent")]
    assert columns(same, TAKEN) == [Column("size", "numeric", "Size / Größe", "size", "attribute_number")]
    other = [Definition("size", "Size", "number"), Definition("size", "Size", "list")]
    assert columns(other, TAKEN) == [Column("size", "text", "Size", "size", None)]


def test_a_name_is_made_safe_and_no_two_are_the_same():
    assert names("Order.ID", "order-id", "עיר", 'a";DROP', "", "account_id") == [
        "order_id", "order_id_2", "עיר", "a__drop", "_", "account_id_2",
    ]  # fmt: skip


def test_a_key_that_needs_no_change_has_its_own_name_though_another_came_first():
    assert names("Plan", "plan") == ["plan_2", "plan"]
    assert [one.comment for one in columns([Definition("Plan", "Plan", "text")], TAKEN)] == ["Plan (Plan)"]


def test_a_long_name_is_cut_at_the_end_of_a_character_and_stays_unlike_others():
    first, second = names("א" * 40 + "a", "א" * 40 + "b")
    assert (first, second) == ("א" * 31, "א" * 30 + "_2")
