import type { Frame } from '../../core/core';
import { chroma } from '../../core/frames/header';
import { resize, type Renderer } from './renderer';

const VERTEX = `#version 300 es
out vec2 at;
void main() {
  // One triangle that covers the canvas: (-1,-1), (3,-1), (-1,3). The first row of a picture is its top.
  vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  at = vec2(corner.x + 1.0, 1.0 - corner.y) * 0.5;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

// ITU-R BT.601, limited range: Y from 16 to 235, U and V from 16 to 240 around 128.
const FRAGMENT = `#version 300 es
precision mediump float;
uniform sampler2D yPlane, uPlane, vPlane;
in vec2 at;
out vec4 colour;
void main() {
  float y = (texture(yPlane, at).r - 0.062745) * 1.164384;
  float u = texture(uPlane, at).r - 0.501961;
  float v = texture(vPlane, at).r - 0.501961;
  colour = vec4(y + 1.596027 * v, y - 0.391762 * u - 0.812968 * v, y + 2.017232 * u, 1.0);
}`;

/** The three planes as textures, converted by the graphics card. */
export class WebGlRenderer implements Renderer {
  readonly canvas = document.createElement('canvas');
  readonly #gl: WebGL2RenderingContext;

  constructor() {
    const gl = this.canvas.getContext('webgl2', {
      alpha: false,
      antialias: false,
      depth: false,
      stencil: false,
      desynchronized: false,
      powerPreference: 'low-power',
    });
    if (!gl) throw new Error('no WebGL2');
    this.#gl = gl;
    const program = link(gl);
    gl.useProgram(program);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    ['yPlane', 'uPlane', 'vPlane'].forEach((name, unit) => {
      gl.uniform1i(gl.getUniformLocation(program, name), unit);
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
      // Not a power of two, so neither mipmaps nor wrapping.
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    });
  }

  draw(frame: Frame): void {
    const gl = this.#gl;
    if (gl.isContextLost()) throw new Error('the WebGL context was lost');
    const { width, height, data } = frame;
    const [columns, rows] = [chroma(width), chroma(height)];
    const fresh = resize(this.canvas, frame);
    if (fresh) gl.viewport(0, 0, width, height);
    const u = width * height;
    const v = u + columns * rows;
    this.#upload(0, fresh, width, height, data.subarray(0, u));
    this.#upload(1, fresh, columns, rows, data.subarray(u, v));
    this.#upload(2, fresh, columns, rows, data.subarray(v));
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  #upload(unit: number, fresh: boolean, width: number, height: number, plane: Uint8Array): void {
    const gl = this.#gl;
    gl.activeTexture(gl.TEXTURE0 + unit);
    if (fresh) gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, width, height, 0, gl.RED, gl.UNSIGNED_BYTE, plane);
    else gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, gl.RED, gl.UNSIGNED_BYTE, plane);
  }

  finish(): void {
    // `gl.finish()` returns early in some engines; a pixel cannot be read before it is there.
    this.#gl.readPixels(0, 0, 1, 1, this.#gl.RGBA, this.#gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  dispose(): void {
    // Engines allow about sixteen contexts, and free them only when the garbage collector comes by.
    this.#gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}

function link(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type);
    if (!shader) throw new Error('no shader');
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error('the shaders do not link');
  return program;
}
