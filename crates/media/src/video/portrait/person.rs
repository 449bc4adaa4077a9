//! Who is drawn: what a seed makes of a person.

use super::canvas::Ink;

/// How the hair lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hair {
    Short,
    Long,
    Curly,
    Bob,
    SidePart,
    Bun,
    Headscarf,
    Bald,
    Ponytail,
    Waves,
}

/// What grows on chin and lip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beard {
    None,
    Stubble,
    Full,
    Moustache,
}

/// The neck of the clothes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clothes {
    Round,
    Collar,
    Hood,
    VNeck,
    RollNeck,
}

/// What stands behind the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Window,
    Shelf,
    Plants,
    Pictures,
}

/// Everything that tells two persons apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Person {
    pub(super) skin: Ink,
    pub(super) hair: Hair,
    pub(super) hair_ink: Ink,
    pub(super) iris: Ink,
    pub(super) beard: Beard,
    pub(super) glasses: bool,
    pub(super) lips: bool,
    pub(super) clothes: Clothes,
    pub(super) cloth: Ink,
    /// Of the headscarf, and of what is under a collar.
    pub(super) second_cloth: Ink,
    pub(super) room: Room,
    pub(super) wall: Ink,
    /// Width of the face, and how broad its chin is: around one.
    pub(super) broad: f32,
    pub(super) chin: f32,
    /// Width of the shoulders, around one.
    pub(super) shoulders: f32,
    pub(super) brow: f32,
    pub(super) smile: f32,
    /// Begins every movement somewhere else.
    pub(super) phase: u64,
}

const SKINS: [Ink; 8] = [
    Ink::hex(0xf3_c9_a9),
    Ink::hex(0x8d_55_36),
    Ink::hex(0xe2_a8_7c),
    Ink::hex(0xc6_86_5a),
    Ink::hex(0x63_3a_26),
    Ink::hex(0xf7_d7_c0),
    Ink::hex(0xd8_99_6b),
    Ink::hex(0xab_6d_45),
];
const DARK_HAIRS: [Ink; 4] =
    [Ink::hex(0x1f_19_1c), Ink::hex(0x2b_1d_18), Ink::hex(0x3a_25_1b), Ink::hex(0x55_50_52)];
const LIGHT_HAIRS: [Ink; 6] = [
    Ink::hex(0x5a_35_21),
    Ink::hex(0xc9_98_55),
    Ink::hex(0x8a_3d_1f),
    Ink::hex(0x2a_1e_1c),
    Ink::hex(0x8d_88_88),
    Ink::hex(0x7a_51_30),
];
const IRISES: [Ink; 5] = [
    Ink::hex(0x4a_2c_1a),
    Ink::hex(0x5b_7f_95),
    Ink::hex(0x5f_7a_4c),
    Ink::hex(0x6d_47_26),
    Ink::hex(0x33_22_1a),
];
const CLOTHS: [Ink; 9] = [
    Ink::hex(0x2f_5d_8a),
    Ink::hex(0xc8_55_3d),
    Ink::hex(0x3f_7f_6b),
    Ink::hex(0xe0_a4_3a),
    Ink::hex(0x6b_4a_7d),
    Ink::hex(0xe9_e4_da),
    Ink::hex(0x34_3a_4a),
    Ink::hex(0xb9_5f_7c),
    Ink::hex(0x57_83_99),
];
const WALLS: [Ink; 7] = [
    Ink::hex(0xc9_d6_d3),
    Ink::hex(0xe6_d5_c3),
    Ink::hex(0xb9_c7_d8),
    Ink::hex(0xd9_cf_e0),
    Ink::hex(0xcf_d9_bf),
    Ink::hex(0xe8_dc_cf),
    Ink::hex(0xa9_bd_c0),
];
/// In this order by seed, so that persons in a row differ most where it is seen first.
const HAIRS: [Hair; 10] = [
    Hair::Long,
    Hair::Short,
    Hair::Curly,
    Hair::Bob,
    Hair::SidePart,
    Hair::Headscarf,
    Hair::Bun,
    Hair::Bald,
    Hair::Ponytail,
    Hair::Waves,
];

/// Numbers that look like chance and are always the same (SplitMix64).
#[derive(Debug, Clone, Copy)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x51_7c_c1_b7_27_22_0a_95)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1.
    pub(super) fn share(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    pub(super) fn between(&mut self, least: f32, most: f32) -> f32 {
        least + (most - least) * self.share()
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[(self.next() % of.len() as u64) as usize]
    }
}

impl Person {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let hair = HAIRS[(seed % HAIRS.len() as u64) as usize];
        // What goes by the order of seeds does so for small ones; of large ones nobody knows the order.
        let seed = seed % 1_000_000;
        let skin = SKINS[((seed / 3 + seed * 3) % SKINS.len() as u64) as usize];
        // Very dark skin with fair hair is rare enough to look like a mistake.
        let dark = matches!(hair, Hair::Curly) || skin.luma() < 0.5;
        let hair_ink = if dark { dice.pick(&DARK_HAIRS) } else { dice.pick(&LIGHT_HAIRS) };
        let bearded = matches!(hair, Hair::Short | Hair::Bald | Hair::SidePart | Hair::Curly)
            && dice.share() < 0.6
            || hair == Hair::Bald;
        let beard = if bearded {
            dice.pick(&[Beard::Full, Beard::Stubble, Beard::Full, Beard::Moustache])
        } else {
            Beard::None
        };
        let clothes =
            dice.pick(&[Clothes::Round, Clothes::Collar, Clothes::Hood, Clothes::VNeck, Clothes::RollNeck]);
        // Under a scarf the neck is covered.
        let clothes = if hair == Hair::Headscarf { Clothes::Round } else { clothes };
        let cloth = CLOTHS[((seed * 5 + dice.next() % 2) % CLOTHS.len() as u64) as usize];
        let mut second_cloth = dice.pick(&CLOTHS);
        if second_cloth == cloth {
            second_cloth = cloth.lighter(0.6);
        }
        Self {
            skin,
            hair,
            hair_ink,
            iris: if dark { dice.pick(&[IRISES[0], IRISES[4], IRISES[3]]) } else { dice.pick(&IRISES) },
            beard,
            glasses: dice.share() < 0.35,
            lips: !bearded && dice.share() < 0.75,
            clothes,
            cloth,
            second_cloth,
            room: [Room::Shelf, Room::Window, Room::Plants, Room::Pictures][(seed % 4) as usize],
            wall: WALLS[((seed * 2 + dice.next() % 2) % WALLS.len() as u64) as usize],
            broad: dice.between(0.94, 1.06),
            chin: dice.between(0.9, 1.12) + if bearded { 0.06 } else { 0.0 },
            shoulders: dice.between(0.92, 1.06) + if bearded { 0.06 } else { 0.0 },
            brow: dice.between(-0.02, 0.03),
            smile: dice.between(0.7, 1.15),
            phase: dice.next(),
        }
    }
}
