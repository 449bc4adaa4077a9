import type { KeyPress } from '../keys';
import type { BoardModel } from './board.svelte';
import { ZOOM_STEP } from './camera';
import { isWritten } from './element';
import { middle } from './geometry';
import { NOTE, styleOf, TOOLS } from './tools';
import { t } from '../../words';

/** An arrow key while nothing is chosen, in CSS pixels. */
const PAN = 60;

/** What keys do while the board is on the stage. Says whether the key was the board’s. */
export function keyDown(board: BoardModel, press: KeyPress): boolean {
  const shift = press.shiftKey === true;
  if (press.altKey) return false;
  if (press.ctrlKey || press.metaKey) return command(board, press.key.toLowerCase(), shift);
  const tool = press.repeat ? undefined : TOOLS.find(({ key }) => key === press.key.toUpperCase());
  if (tool) {
    board.setTool(tool.id);
    board.speak(tool.name);
    return true;
  }
  switch (press.key) {
    case 'ArrowLeft':
      return arrow(board, -1, 0, shift, press.target);
    case 'ArrowRight':
      return arrow(board, 1, 0, shift, press.target);
    case 'ArrowUp':
      return arrow(board, 0, -1, shift, press.target);
    case 'ArrowDown':
      return arrow(board, 0, 1, shift, press.target);
    case 'Delete':
    case 'Backspace':
      if (board.chosen.length > 0) board.removeChosen();
      return true;
    case 'Enter':
      return enter(board, press.target);
    case '+':
    case '=':
      board.looking.zoom(ZOOM_STEP);
      return true;
    case '-':
      board.looking.zoom(1 / ZOOM_STEP);
      return true;
    case '0':
      board.looking.fit();
      return true;
    case 'PageUp':
      board.pages.turn(-1);
      return true;
    case 'PageDown':
      board.pages.turn(1);
      return true;
    case 'Escape':
      return board.giveUp();
    default:
      return false;
  }
}

function command(board: BoardModel, key: string, shift: boolean): boolean {
  switch (key) {
    case 'z':
      if (shift) board.redo();
      else board.undo();
      return true;
    case 'y':
      board.redo();
      return true;
    case 'a':
      board.chooseAll();
      return true;
    case 'd':
      board.duplicate();
      return true;
    default:
      return false;
  }
}

function arrow(board: BoardModel, dx: number, dy: number, far: boolean, target: unknown): boolean {
  // In the rail and in the list they walk.
  if (target instanceof HTMLElement && target.closest('[role="toolbar"], [role="radiogroup"]')) return false;
  if (board.chosen.length > 0) board.nudge(dx, dy, far);
  else board.looking.pan(-dx * PAN, -dy * PAN);
  return true;
}

/** Enter puts what the tool makes into the middle of what is seen, so that nobody needs a mouse; or takes up a text. */
function enter(board: BoardModel, target: unknown): boolean {
  if (target instanceof HTMLElement && target.closest('button, a, input, select')) return false;
  const [id] = board.chosen;
  if (id !== undefined && board.chosen.length === 1 && isWritten(board.store.get(id)?.kind ?? 'pen')) {
    board.texts.edit(id);
    return true;
  }
  const { x, y } = middle(board.looking.part);
  const half = NOTE / 2;
  const { tool } = board;
  if (tool === 'text') board.write('text', [Math.round(x - half), Math.round(y), 0, 0]);
  else if (tool === 'note') board.write('note', [Math.round(x - half), Math.round(y - half), NOTE, NOTE]);
  else if (tool === 'rectangle' || tool === 'ellipse' || tool === 'line' || tool === 'arrow') {
    const corners = [x - half, y - half / 2, 128, x + half, y + half / 2, 128].map(Math.round);
    const style = styleOf(tool, board.choice);
    board.keep({ number: board.nextStroke(), kind: tool, style, page: board.page, points: corners });
    board.speak(t('board.added', { tool }));
  } else return false;
  return true;
}
