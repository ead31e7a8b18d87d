//! The letter that invites a candidate.

use super::{Letter, one_line, page};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// A time without a zone of the reader's, which nobody knows: so in UTC, and it says so.
const UNTIL: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:long] [year], [hour padding:none]:[minute] UTC");

/// What the letter is made of.
#[derive(Clone, Debug)]
pub struct Invitation<'a> {
    /// Where it goes.
    pub to: &'a str,
    /// Who is invited.
    pub name: &'a str,
    /// Who invites.
    pub company: &'a str,
    /// To what.
    pub position: &'a str,
    /// How long it takes at most.
    pub max_minutes: u16,
    /// What opens it.
    pub link: &'a str,
    /// Until when it can be begun.
    pub expires_at: OffsetDateTime,
    /// A letter was sent before, whose link this one replaces.
    pub replaces: bool,
}

/// The letter.
pub fn invitation(about: &Invitation<'_>) -> Letter {
    let Invitation {
        name,
        company,
        position,
        max_minutes,
        link,
        ..
    } = about;
    let (name, company, position) = (one_line(name), one_line(company), one_line(position));
    let until = about.expires_at.format(UNTIL).unwrap_or_default();
    let title = format!("Your interview for {position}");
    let mut paragraphs = vec![
        format!("Hello {name},"),
        format!(
            "{company} invites you to an interview for the position \"{position}\". You speak with an AI interviewer in your \
             browser; it takes {max_minutes} minutes at most. People at {company} read it afterwards and decide."
        ),
        "All you need is a microphone and a quiet place. You can try your microphone before it begins, and if your connection \
         breaks, you come back by the same link."
            .to_owned(),
    ];
    if about.replaces {
        paragraphs
            .push("This letter replaces the one we sent before: only the link below opens your interview.".to_owned());
    }
    let small = [
        format!("You can begin until {until}."),
        "The link is yours alone: whoever has it can take your place, so please do not pass it on.".to_owned(),
        format!("You would rather not speak with an AI, or need another way? Please tell {company}."),
    ];
    let button = ("Open the interview", *link);
    let text = [
        paragraphs.join("\n\n"),
        format!("{}:\n{link}", button.0),
        small.join("\n\n"),
    ]
    .join("\n\n")
        + "\n";
    Letter {
        to: about.to.to_owned(),
        subject: format!("{title} at {company}"),
        html: page("en", &title, &paragraphs, Some(button), &small),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn letter(replaces: bool) -> Letter {
        invitation(&Invitation {
            to: "ada@candidates.example",
            name: "Ada\r\nBcc: eve@x.example",
            company: "Larkfield <Instruments>",
            position: "Software\nengineer",
            max_minutes: 25,
            link: "https://app.example/interview/join?token=abc",
            expires_at: datetime!(2026-11-30 9:05 UTC),
            replaces,
        })
    }

    #[test]
    fn both_forms_say_all_that_there_is_to_say() {
        let letter = letter(false);
        assert_eq!(letter.to, "ada@candidates.example");
        assert_eq!(
            letter.subject,
            "Your interview for Software engineer at Larkfield <Instruments>"
        );
        for part in [
            "AI interviewer",
            "25 minutes at most",
            "30 November 2026, 9:05 UTC",
            "https://app.example/interview/join?token=abc",
            "come back by the same link",
            "need another way",
        ] {
            assert!(letter.text.contains(part), "text lacks {part:?}:\n{}", letter.text);
            assert!(letter.html.contains(part), "html lacks {part:?}:\n{}", letter.html);
        }
        assert!(letter.html.contains("Larkfield &lt;Instruments&gt;"));
        assert!(letter.text.contains("Hello Ada Bcc: eve@x.example,"), "{}", letter.text);
        assert!(!letter.text.contains("replaces the one"));
    }

    #[test]
    fn a_second_letter_says_that_the_first_is_void() {
        let letter = letter(true);
        assert!(letter.text.contains("replaces the one") && letter.html.contains("replaces the one"));
    }
}
