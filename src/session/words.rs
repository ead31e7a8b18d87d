//! What a browser's notice says in English, by its code; a page has its own words in its own language.

/// The text of a notice.
pub(super) fn notice(code: &str) -> &'static str {
    match code {
        "simulated" => "The interviewer is a simulator. It does not understand what is said.",
        "ai_unreachable" => "The interviewer can't be reached yet. You can wait here, or come back by the same link.",
        "store_away" => "Saving takes longer than usual. What is said is kept meanwhile: go on as before.",
        "store_back" => "Everything is saved.",
        "time_left" => "The interviewer knows that time is short.",
        "time_up" => "That was the time we had. The interviewer is saying goodbye.",
        _ => "",
    }
}
