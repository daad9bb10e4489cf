# ruff: noqa: E501 - phrases of one language stay together
"""What WhatsApp writes into a chat by itself, in the languages of its telephones."""

from __future__ import annotations

import re

_KINDS = (
    "image|video|audio|sticker|GIF|document|photo|media|contact card|video note|Bild|Video|Audio|Sticker|Dokument|Medien|"
    "Kontaktkarte|imagen|vídeo|documento|multimedia|Multimedia|archivo|imagem|figurinha|mídia|Mídia|Arquivo de mídia|"
    "Médias?|Fichier|vidéo|autocollant|Media|Immagine|immagine|file|File|медиафайл|Медиафайл|изображение|видео|аудио|стикер|"
    "afbeelding|Afbeelding|Media's|sticker|görüntü|Medya|ses|çıkartma"
)
_LEFT = (
    "omitted|weggelassen|ausgeschlossen|omitido|omitida|omitidos|omitidas|oculto|ocultado|ocultada|omis|omise|omesso|"
    "omessa|omessi|non inclus[oi]|weggelaten|verwijderd|atlanmış|dahil edilmedi|без медиафайлов|пропущено|пропущен|"
    "non disponible"
)
OMITTED = re.compile(
    rf"<(?:{_KINDS})\s(?:{_LEFT})>|(?:{_KINDS})\s(?:{_LEFT})|<Без медиафайлов>|<省略多媒体文件>|<媒體已略去>|"
    r"<メディアは含まれていません>|<미디어 파일을 생략한 메시지>|<تم استبعاد الوسائط>|(?:image|画像|動画)は?(?:省略|含まれていません)|"
    r"(?:null)",
    re.I,
)
"""A line in the place of a picture, a sound or a file that the export does not hold."""

DELETED = re.compile(
    r"(?:This message was deleted|You deleted this message|Diese Nachricht wurde gelöscht|Du hast diese Nachricht gelöscht|"
    r"(?:Se eliminó este mensaje|Eliminaste este mensaje)|Mensagem apagada|(?:Você apagou|Esta) mensagem(?: foi apagada)?|"
    r"(?:Ce message a été supprimé|Vous avez supprimé ce message)|Questo messaggio è stato eliminato|"
    r"(?:Данное с|С)ообщение удалено|Вы удалили данное сообщение|Dit bericht is verwijderd|Bu mesaj silindi)\.?",
    re.I,
)
"""What stands in the place of a message that was deleted."""

EDITED = re.compile(
    r"\s*<(?:This message was edited|Diese Nachricht wurde bearbeitet|Se editó este mensaje\.?|"
    r"Mensagem editada|Ce message a été modifié|Questo messaggio è stato modificato|Сообщение изменено|"
    r"Dit bericht is bewerkt)>\s*$"
)
"""The end of a message that was edited."""

FILE = re.compile(
    r"^(\S[^\n]{0,200}?\.\w{2,5}) \((?:file attached|Datei angehängt|archivo adjunto|arquivo anexado|fichier joint|"
    r"file allegato|файл добавлен|bestand bijgevoegd)\)|"
    r"<(?:attached|Anhang|adjunto|anexado|pièce jointe|allegato|прикреплено|bijgevoegd): ([^>\n]{1,200})>"
)
"""A file that the export holds beside the text."""

SYSTEM = re.compile(
    r"changed the (?:subject|group|description)|created (?:the )?group|changed this group|hat (?:den Betreff|die Gruppe)|"
    r"cambió (?:el asunto|la descripción)|mudou o nome|alterou|a (?:changé|modifié)|ha cambiato|изменил|heeft (?:het|de)|"
    r"changed (?:their|the) ",
    re.I,
)
"""What WhatsApp says of a group, in which a colon may stand."""

OPEN_COLON = re.compile(
    r"[\"“”«»„]|\b(?:to|in|zu|a|para|en|su|на|naar)$|subject|Betreff|asunto|assunto|sujet|oggetto", re.I
)
"""What stands before such a colon, and not at the end of a name."""
