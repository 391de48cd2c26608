"""Made-up attachments: the fields that the vendor sends for each type of file."""

from random import Random

from etl.demo.account import Attachment

_FILES = "https://files.example.com/demo"


def attachment_for(dice: Random, file_type: str) -> Attachment:
    """Make an attachment of a type; its id is given when the account is numbered."""
    attachment = Attachment(0, file_type)
    name, size = f"{_FILES}/{dice.randrange(16**8):08x}", dice.randrange(20_000, 4_000_000)
    match file_type:
        case "image":
            attachment.data_url, attachment.thumb_url, attachment.file_size = f"{name}.jpg", f"{name}_250.jpg", size
            attachment.width, attachment.height = 1080, dice.choice((720, 1080, 1350))
        case "audio":
            attachment.data_url, attachment.file_size, attachment.transcribed_text = f"{name}.ogg", size // 10, ""
        case "video":
            attachment.data_url, attachment.file_size = f"{name}.mp4", size * 4
        case "location":
            attachment.coordinates_lat = 32 + dice.randrange(90_000) / 100_000
            attachment.coordinates_long = 34.8 + dice.randrange(50_000) / 100_000
            attachment.data_url = (
                f"https://maps.example.com/?q={attachment.coordinates_lat},{attachment.coordinates_long}"
            )
            attachment.fallback_title = "תל אביב"
        case "contact":
            attachment.fallback_title, attachment.meta = "Dana Levi", {"phone": "+15550100001", "firstName": "Dana"}
        case "fallback":
            attachment.fallback_title, attachment.data_url = "Demo Store: sale", "https://shop.example.com/sale"
        case _:
            attachment.data_url, attachment.file_size = f"{name}.pdf", size // 8
    return attachment
