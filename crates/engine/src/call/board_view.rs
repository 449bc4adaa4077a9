//! The whiteboard as a window says and sees it.

use data_encoding::BASE64;
use tincan_protocol::{
    Color, ElementId, ElementKind, Frame, InkKind, MAX_LIVE_POINTS, PeerId, PictureHash, Point, Style,
};
use tincan_share::{BoardError, Edit, Element, LiveState, LiveStroke, New, Own, Place};

use crate::api::{
    BoardEdit, BoardElement, BoardKind, BoardLive, BoardNew, BoardOrder, BoardOwn, BoardOwnLive,
    BoardOwnStroke, BoardPicture, BoardStroke, BoardStyle, CommandError,
};

/// Most things that are put on the board at once.
const MAX_ADDED: usize = 500;
/// Most changes at once: of everything that one author may have drawn.
const MAX_CHANGED: usize = 10_000;

pub(crate) fn refused(error: BoardError) -> CommandError {
    CommandError::new(error.code(), error.to_string())
}

fn too_many() -> CommandError {
    CommandError::new("board_too_many", "Those are too many things at once. Do it in parts.")
}

fn not_understood(what: &str) -> CommandError {
    CommandError::new("board_not_understood", format!("The board does not know that {what}."))
}

pub(crate) fn element_id(id: ElementId) -> String {
    format!("{}-{}", id.number, id.author)
}

pub(crate) fn parse_id(id: &str) -> Result<ElementId, CommandError> {
    let parse = || {
        let (number, author) = id.split_once('-')?;
        Some(ElementId { number: number.parse().ok()?, author: author.parse().ok()? })
    };
    parse().ok_or_else(|| refused(BoardError::Unknown))
}

pub(crate) fn parse_page(page: Option<&str>) -> Result<Option<ElementId>, CommandError> {
    page.map(parse_id).transpose()
}

pub(crate) fn parse_hash(hash: &str) -> Result<PictureHash, CommandError> {
    hash.parse().map_err(|_| refused(BoardError::Unknown))
}

pub(crate) fn parse_base64(data: &str, longest: usize) -> Result<Vec<u8>, CommandError> {
    if data.len() > longest / 3 * 4 + 8 {
        return Err(refused(BoardError::Picture));
    }
    BASE64.decode(data.as_bytes()).map_err(|_| refused(BoardError::Picture))
}

pub(crate) fn own(own: Own) -> BoardOwn {
    BoardOwn {
        can_undo: own.can_undo,
        can_redo: own.can_redo,
        deleted_by_others: u32::try_from(own.deleted_by_others).unwrap_or(u32::MAX),
        full: own.full,
    }
}

macro_rules! kinds {
    ($($name:ident),+) => {
        const fn kind(kind: ElementKind) -> BoardKind {
            match kind {
                $(ElementKind::$name => BoardKind::$name,)+
            }
        }

        fn said(kind: BoardKind) -> Result<ElementKind, CommandError> {
            match kind {
                $(BoardKind::$name => Ok(ElementKind::$name),)+
                BoardKind::Laser => Err(not_understood("kind of thing")),
            }
        }
    };
}
kinds!(Pen, Marker, Line, Arrow, Rectangle, Ellipse, Text, Note, Picture, Page);

macro_rules! ink_kinds {
    ($($name:ident),+) => {
        pub(crate) const fn ink_kind(kind: InkKind) -> BoardKind {
            match kind {
                $(InkKind::$name => BoardKind::$name,)+
            }
        }

        pub(crate) fn said_ink(kind: BoardKind) -> Result<InkKind, CommandError> {
            match kind {
                $(BoardKind::$name => Ok(InkKind::$name),)+
                BoardKind::Picture | BoardKind::Page => Err(not_understood("kind of stroke")),
            }
        }
    };
}
ink_kinds!(Pen, Marker, Line, Arrow, Rectangle, Ellipse, Text, Note, Laser);

pub(crate) fn style(style: Style) -> BoardStyle {
    BoardStyle {
        color: style.color.to_string(),
        fill: style.fill.map(|fill| fill.to_string()),
        width: style.width,
        size: style.size,
    }
}

pub(crate) fn said_style(style: &BoardStyle) -> Result<Style, CommandError> {
    let color = |text: &str| text.parse::<Color>().map_err(|_| not_understood("colour"));
    let fill = style.fill.as_deref().map(color).transpose()?;
    Ok(Style { color: color(&style.color)?, fill, width: style.width, size: style.size })
}

pub(crate) fn flat(points: &[Point]) -> Vec<i32> {
    points.iter().flat_map(|point| [point.x, point.y, i32::from(point.pressure)]).collect()
}

pub(crate) fn said_points(flat: &[i32]) -> Result<Vec<Point>, CommandError> {
    if flat.len() > 3 * MAX_LIVE_POINTS || !flat.len().is_multiple_of(3) {
        return Err(not_understood("list of points"));
    }
    let point = |three: &[i32]| {
        let pressure = u8::try_from(three[2].clamp(0, 255)).unwrap_or_default();
        Point { x: three[0], y: three[1], pressure }
    };
    let points: Vec<Point> = flat.chunks_exact(3).map(point).collect();
    if points.iter().all(|point| Frame([point.x, point.y, 0, 0]).is_sound()) {
        Ok(points)
    } else {
        Err(refused(BoardError::Bounds))
    }
}

pub(crate) fn element(element: &Element<'_>) -> BoardElement {
    let draw = element.draw;
    BoardElement {
        author: element.id.author.to_string(),
        passed_on_by: element.via.map(|via| via.to_string()),
        kind: kind(draw.kind),
        page: draw.page.map(element_id),
        frame: element.frame.0,
        order: element.order,
        style: style(element.style),
        points: flat(&draw.points.0),
        natural: [draw.frame.0[2], draw.frame.0[3]],
        text: element.text.to_owned(),
        picture: draw.picture.map(|picture| BoardPicture {
            hash: picture.hash.to_string(),
            size: [picture.width, picture.height],
        }),
        live: draw.live,
    }
}

pub(crate) fn said_new(elements: Vec<BoardNew>) -> Result<Vec<New>, CommandError> {
    if elements.len() > MAX_ADDED {
        return Err(too_many());
    }
    let new = |new: BoardNew| -> Result<New, CommandError> {
        Ok(New {
            kind: said(new.kind)?,
            page: parse_page(new.page.as_deref())?,
            points: said_points(&new.points)?,
            frame: Frame(new.frame),
            style: said_style(&new.style)?,
            text: new.text,
            live: new.live,
        })
    };
    elements.into_iter().map(new).collect()
}

pub(crate) fn said_edits(edits: Vec<BoardEdit>) -> Result<Vec<Edit>, CommandError> {
    if edits.len() > MAX_CHANGED {
        return Err(too_many());
    }
    let edit = |edit: BoardEdit| -> Result<Edit, CommandError> {
        let place = edit.order.map(|order| -> Result<Place, CommandError> {
            Ok(match order {
                BoardOrder::Front => Place::Front,
                BoardOrder::Back => Place::Back,
                BoardOrder::Over { id } => Place::Over(parse_id(&id)?),
                BoardOrder::Below { id } => Place::Below(parse_id(&id)?),
            })
        });
        Ok(Edit {
            id: parse_id(&edit.id)?,
            frame: edit.frame.map(Frame),
            style: edit.style.as_ref().map(said_style).transpose()?,
            text: edit.text,
            place: place.transpose()?,
        })
    };
    edits.into_iter().map(edit).collect()
}

pub(crate) fn parse_ids(ids: &[String]) -> Result<Vec<ElementId>, CommandError> {
    if ids.len() > MAX_CHANGED {
        return Err(too_many());
    }
    ids.iter().map(|id| parse_id(id)).collect()
}

pub(crate) fn said_live_stroke(stroke: BoardOwnStroke) -> Result<LiveStroke, CommandError> {
    Ok(LiveStroke {
        number: stroke.number,
        kind: said_ink(stroke.kind)?,
        style: said_style(&stroke.style)?,
        keep: stroke.keep as usize,
        points: said_points(&stroke.points)?,
    })
}

pub(crate) fn said_live(live: BoardOwnLive) -> Result<LiveState, CommandError> {
    let stroke = live.stroke.map(said_live_stroke);
    let pointer = live.pointer.map(|[x, y]| (x, y));
    Ok(LiveState {
        page: parse_page(live.page.as_deref())?,
        // Where nobody else could see it, it is nowhere.
        pointer: pointer.filter(|(x, y)| Frame([*x, *y, 0, 0]).is_sound()),
        stroke: stroke.transpose()?,
        editing: parse_page(live.editing.as_deref())?,
    })
}

pub(crate) fn live(peer: PeerId, state: LiveState) -> BoardLive {
    BoardLive {
        peer: peer.to_string(),
        page: state.page.map(element_id),
        pointer: state.pointer.map(|(x, y)| [x, y]),
        stroke: state.stroke.map(live_stroke),
        editing: state.editing.map(element_id),
    }
}

pub(crate) fn live_stroke(stroke: LiveStroke) -> BoardStroke {
    BoardStroke {
        number: stroke.number,
        kind: ink_kind(stroke.kind),
        style: style(stroke.style),
        keep: u32::try_from(stroke.keep).unwrap_or(u32::MAX),
        points: flat(&stroke.points),
    }
}
