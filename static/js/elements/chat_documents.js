import "./chat_delete_document.js";
import "./chat_drop_zone.js";
