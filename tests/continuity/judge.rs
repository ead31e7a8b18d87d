//! What must hold at the end of an interview in digits, whatever happened in it (pure).
//!
//! **Law:** the candidate's digits are in the AI's last conversation and in the record once each, in order. The interviewer's
//! count to nine, over and over, reaches the candidate and the record with none missing; at a seam one may be said again.

use serde_json::Value;
use vivavoce_simulator::judge::digits_in_words;

/// Counted along 0 1 2 … 9 0 1 …
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Digits of the endless count that were reached.
    pub reached: usize,
    pub missing: usize,
    /// Said again.
    pub again: usize,
}

/// How `heard` goes along the endless count. The smaller step explains what is out of place: up to four back is said again.
pub fn along(heard: impl IntoIterator<Item = u8>) -> Count {
    let mut count = Count::default();
    for digit in heard {
        let step = (usize::from(digit) + 10 - count.reached % 10) % 10;
        if step <= 5 || count.reached < 10 - step {
            count.missing += step;
            count.reached += step + 1;
        } else {
            count.again += 10 - step;
            count.reached -= 10 - step - 1;
        }
    }
    count
}

/// The first place where two sequences part, in words.
fn parting(said: &[u8], got: &[u8]) -> Option<String> {
    if said == got {
        return None;
    }
    let at = said.iter().zip(got).take_while(|(a, b)| a == b).count();
    let rest = |digits: &[u8]| digits.iter().skip(at).take(12).map(u8::to_string).collect::<String>();
    Some(format!(
        "said {}, got {}; from the {}. on {} was said and {} got",
        said.len(),
        got.len(),
        at + 1,
        rest(said),
        rest(got)
    ))
}

/// What is known of an interview that is over.
pub struct Facts<'a> {
    /// The interviewer's counts to nine, until its goodbye.
    pub counts: usize,
    /// The candidate's digits, turn by turn: one more than counts where a nine was said again.
    pub turns: &'a [Vec<u8>],
    /// The interviewer's digits at the candidate's ear.
    pub heard: &'a [u8],
    /// The calls that the AI service had, in order.
    pub calls: &'a [Value],
    pub entries: &'a [Value],
    pub session: &'a Value,
    /// Seams that the faults made: at each one digit may be said again.
    pub seams: usize,
}

/// All that does not hold; nothing if all is well.
pub fn violations(facts: &Facts<'_>) -> Vec<String> {
    let mut found = vec![];
    let said: Vec<u8> = facts.turns.concat();
    // one that never answered anything took no part
    let took_part = |call: &&Value| {
        call["responses"]
            .as_array()
            .is_some_and(|responses| !responses.is_empty())
    };
    let Some(survivor) = facts.calls.iter().rfind(took_part).or(facts.calls.last()) else {
        return vec!["the AI service had no call".into()];
    };
    let got = digits_of(survivor["said_by_user"].as_str().unwrap_or_default());
    found.extend(parting(&said, &got).map(|it| format!("candidate to AI: {it}")));
    let count = along(facts.heard.iter().copied());
    let whole = facts.counts * 10;
    let (over, lacking) = answered_over(facts);
    let is_reached = (whole..=whole + 10 * over).contains(&count.reached) && count.reached % 10 == 0;
    if count.missing > 0 || !is_reached || count.again > facts.seams + lacking {
        let heard: String = facts.heard.iter().map(u8::to_string).collect();
        found.push(format!(
            "AI to candidate: {} of {whole} reached, {} missing, {} again: {heard}",
            count.reached, count.missing, count.again
        ));
    }
    found.extend(of_record(facts));
    let mut crossed = 0;
    for call in facts.calls {
        let errors = call["errors"].as_array().map_or(&[][..], Vec::as_slice);
        for error in errors {
            match error["code"].as_str() {
                Some("session_expired") => {}
                // an answer that ends as it is cancelled at a seam: no client can know
                Some("response_cancel_not_active") if crossed < facts.seams => crossed += 1,
                code => found.push(format!(
                    "the AI service complained: {}",
                    code.unwrap_or("without a code")
                )),
            }
        }
    }
    let session = facts.session;
    if session["status"] != "completed"
        || session["end_reason"] != "interviewer"
        || !session["technical_failure"].is_null()
    {
        found.push(format!(
            "the session ended {} by {}, technical failure {}",
            session["status"], session["end_reason"], session["technical_failure"]
        ));
    }
    found
}

/// The record alone.
fn of_record(facts: &Facts<'_>) -> Vec<String> {
    let mut found = vec![];
    let numbers: Vec<i64> = facts
        .entries
        .iter()
        .filter_map(|e| e["sequence_number"].as_i64())
        .collect();
    // a process that takes over leaves places for what the one before it has not stored yet
    if numbers.len() != facts.entries.len() || !numbers.is_sorted_by(|a, b| a < b) {
        found.push(format!("record: numbered {numbers:?}"));
    }
    let digits = |of_ai: bool| {
        let entries = facts
            .entries
            .iter()
            .filter(move |entry| (entry["speaker"] == "ai") == of_ai);
        entries.flat_map(digits_heard)
    };
    let mine: Vec<u8> = digits(false).collect();
    found.extend(parting(&facts.turns.concat(), &mine).map(|it| format!("record, candidate: {it}")));
    let theirs = along(digits(true));
    // of an answer that was cut off it is an estimate what was heard, to the word
    let whole = facts.counts * 10;
    let (over, lacking) = answered_over(facts);
    let short = whole.saturating_sub(theirs.reached) + theirs.reached.saturating_sub(whole + 10 * over);
    if theirs.missing + short > facts.seams + lacking || theirs.again > facts.seams {
        found.push(format!("record, interviewer: {theirs:?}"));
    }
    found.extend(places(facts));
    let wordless = facts
        .entries
        .iter()
        .filter(|entry| {
            entry["speaker"] == "ai"
                && entry["interrupted"] != true
                && digits_in_words(entry["text"].as_str().unwrap_or_default()).is_empty()
        })
        .count();
    if wordless > 1 {
        found.push(format!(
            "record: {wordless} whole answers without a digit, the goodbye among them"
        ));
    }
    found
}

/// How often the candidate's answer cut off the end of a count that was being said again, and how many digits of it that took: the
/// interviewer, whose count was not heard out, counts once more.
fn answered_over(facts: &Facts<'_>) -> (usize, usize) {
    let lacking = |pair: &[Value]| {
        let digits = digits_in_words(pair[0]["text"].as_str().unwrap_or_default());
        let is_tail = pair[0]["speaker"] == "ai" && digits.first().is_some_and(|first| *first != 0);
        let is_answered_over = is_tail && pair[0]["interrupted"] == true && pair[1]["speaker"] == "candidate";
        is_answered_over.then(|| digits.len() - digits_heard(&pair[0]).len())
    };
    let lacking: Vec<usize> = facts.entries.windows(2).filter_map(lacking).collect();
    (lacking.len(), lacking.iter().sum())
}

/// Whether each of the candidate's turns is in the record where it was said: the k-th after the k-th nine. Where a nine was said
/// again and answered again, the turns after it are one further than the counts. Of an answer that was cut off it is an estimate what
/// was heard: the word after it may have been, too.
fn places(facts: &Facts<'_>) -> Option<String> {
    let more = facts.turns.len().saturating_sub(facts.counts);
    let mut turn_of = facts
        .turns
        .iter()
        .enumerate()
        .flat_map(|(n, turn)| turn.iter().map(move |_| n + 1));
    let (mut nines, mut perhaps) = (0, 0);
    for entry in facts.entries {
        let text = digits_in_words(entry["text"].as_str().unwrap_or_default());
        if entry["speaker"] == "ai" {
            let heard = digits_heard(entry);
            nines += heard.iter().map(|digit| usize::from(*digit == 9)).sum::<usize>();
            perhaps += usize::from(text.get(heard.len()) == Some(&9));
            continue;
        }
        for turn in turn_of.by_ref().take(text.len()) {
            if nines > turn || nines + perhaps + more < turn {
                return Some(format!("record: turn {turn} is after {nines} counts"));
            }
        }
    }
    None
}

/// The digits of an entry, as far as they were heard.
fn digits_heard(entry: &Value) -> Vec<u8> {
    let text = match (&entry["interrupted"], &entry["heard_text"]) {
        (Value::Bool(true), Value::String(heard)) if entry["speaker"] == "ai" => heard,
        _ => entry["text"].as_str().unwrap_or_default(),
    };
    digits_in_words(text)
}

fn digits_of(text: &str) -> Vec<u8> {
    text.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect()
}

/// Checks of the judge itself.
pub fn self_test() -> Result<(), String> {
    let table: [(&[u8], Count); 6] = [
        (
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1],
            Count {
                reached: 12,
                missing: 0,
                again: 0,
            },
        ),
        (
            &[0, 1, 2, 2, 3],
            Count {
                reached: 4,
                missing: 0,
                again: 1,
            },
        ),
        (
            &[0, 1, 3, 4],
            Count {
                reached: 5,
                missing: 1,
                again: 0,
            },
        ),
        (
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 0],
            Count {
                reached: 11,
                missing: 0,
                again: 1,
            },
        ),
        (
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 9, 0],
            Count {
                reached: 11,
                missing: 0,
                again: 2,
            },
        ),
        (
            &[1, 2],
            Count {
                reached: 3,
                missing: 1,
                again: 0,
            },
        ),
    ];
    for (heard, count) in table {
        let got = along(heard.iter().copied());
        if got != count {
            return Err(format!("{heard:?}: {got:?}, not {count:?}"));
        }
    }
    if parting(&[1, 2, 3], &[1, 3]).is_none() || parting(&[1], &[1]).is_some() {
        return Err("parting".into());
    }
    Ok(())
}
