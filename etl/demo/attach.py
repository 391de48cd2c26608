"""Made-up attachments: the fields that the vendor sends for each type of file."""

from random import Random

from etl.demo.account import Attachment

_FILES = "https://files.example.com/demo"


def attachment_for(dice: Random, file_type: str) -> Attachment:
    """Make an attachment of a type; its id is given when the account is numbered."""
    one = Attachment(0, file_type)
    name, size = f"{_FILES}/{dice.randrange(16**8):08x}", dice.randrange(20_000, 4_000_000)
    match file_type:
        case "image":
            one.data_url, one.thumb_url, one.file_size = f"{name}.jpg", f"{name}_250.jpg", size
            one.width, one.height = 1080, dice.choice((720, 1080, 1350))
        case "audio":
            one.data_url, one.file_size, one.transcribed_text = f"{name}.ogg", size // 10, ""
        case "video":
            one.data_url, one.file_size = f"{name}.mp4", size * 4
        case "location":
            one.coordinates_lat = 32 + dice.randrange(90_000) / 100_000
            one.coordinates_long = 34.8 + dice.randrange(50_000) / 100_000
            one.data_url = f"https://maps.example.com/?q={one.coordinates_lat},{one.coordinates_long}"
            one.fallback_title = "תל אביב"
        case "contact":
            one.fallback_title, one.meta = "Dana Levi", {"phone": "+15550100001", "firstName": "Dana"}
        case "fallback":
            one.fallback_title, one.data_url = "Demo Store: sale", "https://shop.example.com/sale"
        case _:
            one.data_url, one.file_size = f"{name}.pdf", size // 8
    return one
