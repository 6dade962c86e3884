"""Which permissions each address asks for, as data. An address that is not here asks for none."""

from __future__ import annotations

from webui.accounts.permissions import Permission

NEEDED = {
    "chats:upload": {Permission.UPLOAD},
    "chats:upload_image": {Permission.UPLOAD},
    "chats:upload_to_folder": {Permission.UPLOAD},
    "documents:upload": {Permission.UPLOAD},
    "knowledge:upload": {Permission.UPLOAD},
    "chats:fetch_page": {Permission.WEB_PAGES},
    "documents:fetch_again": {Permission.WEB_PAGES},
    "knowledge:create": {Permission.CREATE_KNOWLEDGE},
    "knowledge:import": {Permission.CREATE_KNOWLEDGE},
    "knowledge:grant": {Permission.SHARE_KNOWLEDGE},
    "speech:say": {Permission.VOICE},
    "speech:write_down": {Permission.VOICE},
    "chats:create_link": {Permission.SHARE_CHATS},
    "chats:change_link": {Permission.SHARE_CHATS},
    "chats:renew_link": {Permission.SHARE_CHATS},
    "chats:grant_link": {Permission.SHARE_CHATS},
    "chats:temporary": {Permission.TEMPORARY_CHATS},
    "chats:import": {Permission.IMPORT_CHATS},
    "chats:export_all": {Permission.EXPORT_CHATS},
    "chats:export": {Permission.EXPORT_CHATS},
    "chats:export_markdown": {Permission.EXPORT_CHATS},
    "chats:export_html": {Permission.EXPORT_CHATS},
    "chats:export_json": {Permission.EXPORT_CHATS},
    "chats:export_ratings": {Permission.EXPORT_CHATS},
    "presets:create": {Permission.CREATE_PRESETS},
    "presets:copy": {Permission.CREATE_PRESETS},
    "presets:import": {Permission.CREATE_PRESETS},
    "prompts:create": {Permission.CREATE_PRESETS},
    "prompts:copy": {Permission.CREATE_PRESETS},
    "prompts:import": {Permission.CREATE_PRESETS},
    "presets:grant": {Permission.SHARE_PRESETS},
    "prompts:grant": {Permission.SHARE_PRESETS},
    "accounts:keys": {Permission.API_KEYS},
    "accounts:create_key": {Permission.API_KEYS},
}
ELSEWHERE = {
    # Where the connections for pictures are offered and used: `imagery.queries.usable_connections`.
    Permission.CREATE_PICTURES,
    # In the form of a link, beside what that needs.
    Permission.SHARE_PUBLICLY,
}
