"""Numbers and dates of languages where Django's own say less than is usual there, or other than the browser does."""
