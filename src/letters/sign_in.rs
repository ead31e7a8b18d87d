//! The letter that signs a recruiter in.

use super::{Letter, page};

/// The letter, for `minutes` of which `link` is good.
pub fn sign_in(to: &str, link: &str, minutes: i64) -> Letter {
    let title = "Sign in to Vivavoce";
    let paragraphs = ["Somebody, we hope you, has asked to sign in with this address.".to_owned()];
    let small = [
        format!("The link is good once, for {minutes} minutes, in the browser in which it was asked for."),
        "If it was not you, there is nothing to do: without this letter nobody gets in.".to_owned(),
    ];
    let button = ("Sign in", link);
    let text = [
        paragraphs.join("\n\n"),
        format!("{}:\n{link}", button.0),
        small.join("\n\n"),
    ]
    .join("\n\n")
        + "\n";
    Letter {
        to: to.to_owned(),
        subject: title.to_owned(),
        html: page("en", title, &paragraphs, Some(button), &small),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_hold_the_link_and_its_bounds() {
        let letter = sign_in("rita@x.example", "https://app.example/sign-in#token=abc", 15);
        for form in [&letter.text, &letter.html] {
            for part in [
                "https://app.example/sign-in#token=abc",
                "15 minutes",
                "If it was not you",
            ] {
                assert!(form.contains(part), "lacks {part:?}:\n{form}");
            }
        }
        assert_eq!(
            (letter.to.as_str(), letter.subject.as_str()),
            ("rita@x.example", "Sign in to Vivavoce")
        );
    }
}
