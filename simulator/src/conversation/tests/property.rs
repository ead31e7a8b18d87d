//! What must hold whatever a client and a candidate do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What a client or a candidate may do.
#[derive(Debug, Clone)]
enum Deed {
    Wait(u64),
    Talk(u64, u64),
    Respond,
    Cancel,
    Hush,
    Say,
    Commit,
    Faults(u32),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (0u64..3_000).prop_map(Deed::Wait),
        3 => (20u64..1_200, 0u64..900).prop_map(|(loud, quiet)| Deed::Talk(loud, quiet)),
        2 => Just(Deed::Respond),
        1 => Just(Deed::Cancel),
        1 => Just(Deed::Hush),
        1 => Just(Deed::Say),
        1 => Just(Deed::Commit),
        1 => (0u32..2).prop_map(Deed::Faults),
    ]
}

fn act(world: &mut World, deed: &Deed) {
    match deed {
        Deed::Wait(ms) => world.wait(*ms),
        Deed::Talk(loud, quiet) => world.talk(*loud, *quiet),
        Deed::Respond => world.send(&json!({"type": "response.create"})),
        Deed::Cancel => world.send(&json!({"type": "response.cancel"})),
        Deed::Hush => world.send(&json!({"type": "output_audio_buffer.clear"})),
        Deed::Say => world.send(&json!({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hm"}]}})),
        Deed::Commit => world.send(&json!({"type": "input_audio_buffer.commit"})),
        Deed::Faults(stall) => world.input(Input::Faults(Faults { stall: *stall, ..Faults::default() })),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn whatever_happens_the_protocol_holds(deeds in prop::collection::vec(deed(), 1..25), web_socket in any::<bool>()) {
        let transport = if web_socket { Transport::WebSocket } else { Transport::WebRtc };
        let mut world = World::new(setup(transport));
        for deed in &deeds {
            act(&mut world, deed);
        }
        // Let everything that was begun come to its end.
        world.wait(120_000);
        let (mut ids, mut last, mut active) = (BTreeSet::new(), Value::Null, None::<String>);
        let mut open: BTreeMap<String, i32> = BTreeMap::new();
        for event in &world.events {
            prop_assert!(ids.insert(event["event_id"].to_string()), "an event id twice");
            match event["type"].as_str().unwrap() {
                "conversation.item.added" => {
                    prop_assert_eq!(&event["previous_item_id"], &last);
                    last = event["item"]["id"].clone();
                }
                "input_audio_buffer.committed" => prop_assert_eq!(&event["previous_item_id"], &last),
                "response.created" => {
                    prop_assert!(active.is_none(), "two answers at once");
                    active = event["response"]["id"].as_str().map(str::to_owned);
                }
                "response.done" => {
                    prop_assert_eq!(active.take(), event["response"]["id"].as_str().map(str::to_owned));
                    let status = event["response"]["status"].as_str().unwrap();
                    prop_assert!(["completed", "cancelled"].contains(&status));
                }
                "response.output_item.added" => *open.entry(format!("item {}", event["item"]["id"])).or_default() += 1,
                "response.output_item.done" => *open.entry(format!("item {}", event["item"]["id"])).or_default() -= 1,
                "output_audio_buffer.started" => *open.entry(format!("sound {}", event["response_id"])).or_default() += 1,
                // Cleared before its first frame, a response was never `started`.
                "output_audio_buffer.stopped" => *open.entry(format!("sound {}", event["response_id"])).or_default() -= 1,
                "output_audio_buffer.cleared" => { open.remove(&format!("sound {}", event["response_id"])); }
                "conversation.item.truncated" => {
                    let item = world.conversation.items.get(event["item_id"].as_str().unwrap()).unwrap();
                    prop_assert!(event["audio_end_ms"].as_u64().unwrap() <= item.audio_ms);
                }
                _ => {}
            }
        }
        prop_assert!(active.is_none(), "an answer without an end");
        prop_assert!(open.values().all(|n| *n == 0), "left open: {:?}", open);
        prop_assert!(!world.conversation.playout.busy());
    }
}
