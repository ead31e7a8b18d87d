//! The letters that people get, as text and as HTML (pure).
//!
//! Is: words. Isn't: their way out (`vendors/mail.rs`). **Law:** nothing that somebody typed becomes markup, a header or an
//! address; both forms say the same.

mod invitation;
mod sign_in;

pub use invitation::{Invitation, invitation};
pub use sign_in::sign_in;

use serde::{Deserialize, Serialize};
use std::fmt;

/// One letter to one address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// One e-mail address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The plain form.
    pub text: String,
    /// A whole HTML document.
    pub html: String,
}

/// It holds an address and a link that opens an interview: neither is for a log.
impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").finish_non_exhaustive()
    }
}

/// Text as HTML shows it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// One line of what may be several: for a subject.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A page of paragraphs, and one thing to do. Mail programs know no style sheets: the style is in the elements.
fn page(language: &str, title: &str, paragraphs: &[String], button: Option<(&str, &str)>, small: &[String]) -> String {
    const FONT: &str = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif";
    let lines = |texts: &[String], style: &str| -> String {
        let lines: Vec<String> = texts
            .iter()
            .map(|text| format!("<p style=\"{style}\">{}</p>\n", escape(text)))
            .collect();
        lines.concat()
    };
    let button = button.map_or_else(String::new, |(words, link)| {
        let link = escape(link);
        let style = "display:inline-block;padding:12px 22px;border-radius:8px;background:#0d5748;color:#ffffff;\
                     font-weight:600;text-decoration:none";
        format!(
            "<p style=\"margin:24px 0\"><a href=\"{link}\" style=\"{style}\">{}</a></p>\n\
             <p style=\"margin:0 0 16px;font-size:14px;line-height:1.5;color:#575247;word-break:break-all\">{link}</p>\n",
            escape(words)
        )
    });
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light\">\n<title>{}</title>\n</head>\n\
         <body style=\"margin:0;padding:24px 16px;background:#faf8f3\">\n\
         <div role=\"main\" style=\"max-width:560px;margin:0 auto;padding:28px;border-radius:12px;background:#ffffff;color:#1c1a15;{FONT}\">\n\
         <h1 style=\"margin:0 0 16px;font-size:22px;line-height:1.3\">{}</h1>\n{}{button}{}</div>\n</body>\n</html>\n",
        escape(language),
        escape(title),
        escape(title),
        lines(paragraphs, "margin:0 0 16px;font-size:16px;line-height:1.5"),
        lines(small, "margin:0 0 8px;font-size:14px;line-height:1.5;color:#575247"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_becomes_no_markup() {
        let hostile = "<script>alert(\"1\")</script> & 'x'".to_owned();
        let page = page(
            "en\"><b",
            &hostile,
            std::slice::from_ref(&hostile),
            Some((&hostile, "https://x/?a=1&b=\"")),
            std::slice::from_ref(&hostile),
        );
        assert!(
            !page.contains("<script") && !page.contains("\"><b") && !page.contains("b=\"\""),
            "{page}"
        );
        assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;"));
        assert_eq!(one_line(" a\r\nBcc: b\tc "), "a Bcc: b c");
    }

    #[test]
    fn a_letter_tells_a_log_nothing() {
        let letter = Letter {
            to: "ada@x.example".into(),
            subject: "secret".into(),
            text: "secret".into(),
            html: "secret".into(),
        };
        let shown = format!("{letter:?}");
        assert!(!shown.contains("ada") && !shown.contains("secret"), "{shown}");
    }
}
