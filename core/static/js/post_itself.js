// A page that only opens something sends its form at once; without script its button does.
document.querySelector("form[data-post-itself]")?.submit();
