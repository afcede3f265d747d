@echo off
rem environment.cmd LOCK FOLDER: makes the environment that requirements\LOCK.txt describes. For the scripts beside it.
setlocal
set "make=%~dp0..\environment.py"

rem Each is tried by running it: the "python" of a new Windows is only a door to the Store.
py -3 -c "" >nul 2>nul
if not errorlevel 1 goto with_py
python -c "" >nul 2>nul
if not errorlevel 1 goto with_python
uv --version >nul 2>nul
if not errorlevel 1 goto with_uv
echo LlamaGate needs Python 3.11 or newer, and there is none here.
echo Install it with:  winget install Python.Python.3.13
echo Then open a new window and run this again.
exit /b 1

:with_py
py -3 "%make%" %1 %2
exit /b %errorlevel%

:with_python
python "%make%" %1 %2
exit /b %errorlevel%

:with_uv
uv run --quiet --no-project --python 3.13 "%make%" %1 %2
exit /b %errorlevel%
